"""Delivery by Git: a team's file becomes its namespace, its rights and what Argo CD does for it."""
