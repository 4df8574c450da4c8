"""The reasoning stage: traces that think, search, read and answer (MODEL.md, "Reasoning")."""
