"""Generated from proto/ by proto/codegen.py. Never edited by hand."""
