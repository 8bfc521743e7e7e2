"""Execution: the one door for orders; never loses or doubles one."""
