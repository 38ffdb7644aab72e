"""A city's year on a clock that is moved: real verbs and real jobs, and an account of it that trusts neither.

`calendar` says when something happens, `stories` what people do, `people` and `workers` do it in processes of their
own, `year` leads them through the ticks, and `account` works out from the events alone what had to happen.
"""
