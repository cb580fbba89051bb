"""What a release consists of, made and checked into `dist/`.

Read `plan`, then the modules of the parts: `wheel`, `papers`, `bundle`, `image`.
"""
