"""The memorization audit: are created images copies of training scans, and whose?"""
