"""A blind test for readers: real or created?"""
