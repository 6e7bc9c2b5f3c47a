"""What stands behind every exercise: safe calls, comparison, and the search for the change that explains an answer.

values.py      compare, copy and describe what exercises pass and return
calls.py       call a learner's function safely; exceptions in plain words
draws.py       random inputs from the roles of the arguments
mutations.py   changes of the reference: of its arguments, of one of its steps
properties.py  what speaks where no change explains the answer
diagnosis.py   from a wrong value to the sentence that the learner reads
chances.py     the same for answers that draw, from the shares of many draws
"""
