"""What the caller sees: the talk screen as data (`page`), and two ways to show it.

`lines` prints to a pipe or a plain terminal, `screen` fills a terminal with textual (the extra `screen`). Both show the
same page in the same words (`words`), English or Japanese.
"""
