"""A synchronous grammar of German and English: sentence pairs that ship as code, for what a corpus cannot separate.

Every rule makes both languages at once, so that a translation is right by construction and a function of the source.

====================  =====================================================================================
`lexicon`             the words
`german`, `english`   their forms
`phrases`             noun phrases, with gender, case and number
`clauses`             clauses: verb second, verb final, infinitive; relative and subordinate ones
`draw`, `rules`       random words and kinds of sentences
`corpus`              splits
====================  =====================================================================================
"""

from lstm_gru.data.grammar.corpus import PHENOMENA, GrammarConfig, GrammarSplit, Pairs, grammar_corpus

__all__ = ["PHENOMENA", "GrammarConfig", "GrammarSplit", "Pairs", "grammar_corpus"]
