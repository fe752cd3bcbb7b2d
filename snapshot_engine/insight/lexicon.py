"""Words and phrases that say what a sentence is about: data, no logic.

A word adds its strength to its tags whenever it occurs. A phrase (a regular
expression on the lower-case sentence) is only tried when its trigger word
occurs, so that a sentence without triggers costs one set intersection. A
sentence carries a tag from strength 2 on.
"""

from __future__ import annotations

import re

from snapshot_engine.insight.word_sets import word_set

# tag -> {strength: words}
WORDS: dict[str, dict[int, str]] = {
    "introduction": {
        1: "company team founder cofounder co-founder ceo cfo cto coo president director chairperson headquartered "
        "headquarters industry sector founded",
        2: "headquartered co-founder cofounder",
    },
    "challenge": {
        2: "problem problems challenge challenges challenging bottleneck bottlenecks struggle struggled struggling "
        "painful headache pandemic",
        1: "issue issues difficult difficulty hard harder slow slower slowed manual manually legacy pain broken fail fails "
        "failed failing failure overhead blocked blocking shortage shortages delay delays delayed disruption "
        "disruptions expensive inefficient impact impacted decline declined decrease decreased stuck limited "
        "limitation limitations lack lacking complexity complicated pressure constraint constraints worse worst "
        "missing waste wasted outage outages latency attack attacks bug bugs",
    },
    "solution": {
        2: "solution solutions solves solved implementation implemented",
        1: "solve implement implementing deploy deployed deploying deployment platform product products feature features "
        "integrate integrated integration integrations migrate migrated migration tool tools approach design "
        "designed built build automate automated automation enables enable allows allow service services technology "
        "protocol extension system upgrade upgraded acquisition acquired invest invested investment investments "
        "introduce introduced proposal prototype release released supports support strategy initiative initiatives",
    },
    "milestone": {
        2: "milestone milestones deadline deadlines",
        1: "launch launched launching release released releases ship shipped shipping go-live live schedule scheduled "
        "timeline quarter phase kickoff kick-off rollout announced announce announcement complete completed completion "
        "start started starting begin began finish finished plan planned planning expect expected milestone december "
        "january february march april june july august september october november fiscal year",
    },
    "metric": {
        2: "percent percentage",
        1: "increase increased increases increasing grew grow growing growth reduced reduce reduction improved improve "
        "improvement decreased decrease declined decline rose rise risen fell fall fallen doubled tripled faster "
        "slower higher lower record total average ratio rate margin results result achieved achieve reached "
        "recorded totaled totalled up down exceeded throughput latency benchmark benchmarks performance",
    },
    "adoption": {
        2: "adoption adopted adopting adopters onboarding onboarded subscribers subscriber churn retention",
        1: "users user customers customer adopt usage rollout rolled training trained onboard active penetration base "
        "uptake merchants agents teams seats licenses downloads community members clients engagement using use",
    },
    "financial": {
        2: "revenue revenues profit profits profitability ebitda savings roi capex opex dividend dividends earnings",
        1: "cost costs price prices pricing budget margin margins income sales spend spending investment investments "
        "funding loan loans debt cash payment payments paid pay fee fees subscription billing invoice tax taxes expenses "
        "expense dollars yen euros million billion trillion market shareholders shares stock buyback yield yields "
        "bookings orders backlog financing equity goodwill borrowings",
    },
    "risk": {
        2: "risk risks risky concern concerns concerned worried worry worries blocker blockers uncertainty uncertainties",
        1: "uncertain unclear depends dependency dependencies dangerous danger threat threats vulnerable vulnerability "
        "vulnerabilities attack attacks regulatory compliance litigation unknown unknowns careful cautious warning "
        "exposure volatility volatile inflation shortage shortages delays afraid fear problem problematic fail tricky "
        "trade-off tradeoff downside security",
    },
    "long_term": {
        2: "roadmap long-term longer-term sustainability sustainable vision",
        1: "future strategic strategy strategically mid-term medium-term term decade decades years ultimately eventually "
        "transformation transform transforming ambition ambitions potential opportunity opportunities forward beyond "
        "generations legacy commitment committed mission goal goals someday",
    },
    "sentiment": {
        2: "amazing awesome excellent fantastic incredible impressed impressive proud delighted thrilled terrible awful "
        "frustrating frustrated disappointed disappointing unfortunately game-changer game-changing love loved "
        "outstanding tremendous tremendously remarkable",
        1: "great happy glad excited exciting wonderful pleased best worst better grateful appreciate confident important "
        "interesting powerful strong beautiful hate sad surprised surprising huge massive perfect believe hope easy "
        "critical valuable honest honestly super unique essential crucial significant significantly cool nice",
    },
    "overview": {
        1: "overall agenda today's goal summary highlights focus key main priority priorities objective",
    },
    "opinion": {
        1: "think believe opinion personally honestly basically reason because means view perspective feel guess imagine "
        "suggest recommend argue important interesting point question idea understand context therefore however "
        "although actually essentially example instance worth compare compared instead rather",
    },
}  # fmt: skip

# tag -> ((trigger words, regular expression, strength), ...)
PHRASES: dict[str, tuple[tuple[str, str, int], ...]] = {
    "introduction": (
        ("name", r"\bmy name(?:'s| is)\b", 3),
        ("i'm am", r"\b(?:i'm|i am) (?:the |a |an |your )?(?:\w+[ ,-]){0,3}?(?:ceo|cfo|cto|coo|founder|head|director|manager|engineer|lead|president|analyst|researcher|developer|host|chair|vp)\b", 3),
        ("i'm am", r"\b(?:i'm|i am) [a-z-]+,? (?:from|with|at|of)\b", 2),
        ("speaking", r"\bthis is [a-z]+ (?:[a-z]+ )?speaking\b", 2),
        ("me us joined joining", r"\bwith (?:me|us) (?:on the call )?(?:today|here)\b|\bjoin(?:ed|ing) (?:me|us|by|today)\b", 3),
        ("joined joining introduce", r"\bjoined (?:today )?by\b|\bjoining (?:me|us)\b|\bintroduce (?:the (?:presenters|speakers|participants)|myself)\b", 3),
        ("work working", r"\bi work (?:at|for|with|in)\b|\b(?:i'm|i've been) (?:currently )?working (?:at|for|as)\b", 2),
        ("company companies provider", r"\b(?:we(?:'re| are)|is) (?:a|an|the) (?:[\w-]+ ){0,4}(?:company|provider|startup|start-up|firm|bank|manufacturer|vendor|agency)\b", 3),
        ("participants presenters", r"\b(?:participants|presenters) (?:today |here )?(?:are|is|will be)\b|\btoday's participants\b", 3),
        ("based", r"\bbased (?:in|out of)\b", 2),
    ),
    "challenge": (
        ("due because", r"\b(?:due to|because of) (?:the )?(?:[\w-]+ ){0,3}(?:shortage|delay|pandemic|covid|lockdown|outage|cost|lack|impact|restriction)", 2),
        ("can't cannot couldn't unable", r"\b(?:we|they|you|it) (?:can't|cannot|couldn't|(?:are|were|is|was) unable to)\b", 1),
        ("trying need", r"\b(?:the (?:main )?thing we're|what we(?:'re| are)) trying to (?:solve|fix|address)\b", 3),
        ("too", r"\btoo (?:slow|expensive|hard|complex|complicated|many|much|large|big|late|long|high)\b", 1),
        ("doesn't don't didn't", r"\b(?:doesn't|don't|didn't) (?:work|scale|support|have any|have enough)\b", 1),
    ),
    "solution": (
        ("allows enables lets", r"\b(?:this|it|that|which) (?:basically )?(?:allows|enables|lets|solves|reduces|avoids)\b", 2),
        ("way idea", r"\bthe (?:way (?:it|this|that) works|(?:basic |main |whole )?idea (?:is|here|behind))\b", 2),
        ("we've we built developed implemented launched introduced", r"\b(?:we|they)(?:'ve| have)? (?:just |also |already )?(?:built|developed|implemented|launched|introduced|deployed|designed|created|rolled out|migrated|integrated)\b", 2),
    ),
    "milestone": (
        ("live", r"\b(?:go|goes|going|went) live\b", 2),
        ("by", r"\bby (?:the )?(?:end of|early|mid|late|next|q[1-4]|january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday)\b", 2),
        ("end", r"\b(?:at|before|until|by) the end of\b", 1),
        ("planned scheduled expected supposed", r"\b(?:planned|scheduled|expected|supposed) (?:for|to|in|on)\b", 1),
    ),
    "metric": (
        ("compared", r"\bcompared (?:to|with)\b", 1),
        ("year quarter month", r"\b(?:year|quarter|month)[ -](?:on|over|to)[ -](?:year|quarter|month|date)\b", 2),
        ("up down increased decreased grew fell rose", r"\b(?:up|down|increased|decreased|grew|fell|rose|increase|decrease) (?:by |of |to |from )?(?:about |around |over |nearly |almost )?[$€£¥]?\d", 2),
    ),
    "adoption": (
        ("rolled rolling", r"\broll(?:ed|ing) (?:it |this |them )?out\b", 2),
        ("customers users subscribers clients", r"\b(?:new|active|more|our|million|thousand|existing|\d) (?:[\w-]+ )?(?:customers|users|subscribers|clients)\b", 1),
        ("using", r"\b(?:are|is|been|start(?:ed)?|already|currently) using\b", 1),
    ),
    "financial": (
        ("return", r"\breturns? on (?:investment|equity|capital)\b", 2),
        ("save saved saves", r"\bsav(?:e|es|ed|ing) (?:us |them |you )?(?:[\w-]+ ){0,3}(?:money|cost|costs|dollars|\$|€|£)", 2),
        ("free", r"\bfree cash flow\b", 2),
        ("cash", r"\bcash flows?\b", 1),
        ("market", r"\bmarket (?:cap|share|value)\b", 1),
    ),
    "risk": (
        ("not", r"\b(?:not|isn't) (?:(?:yet|really|quite|entirely) )*(?:sure|clear|certain|known|decided|resolved)\b", 2),
        ("don't", r"\b(?:i|we) (?:still )?don't (?:really )?know (?:if|how|whether|what|when|yet)\b", 2),
        ("may might could", r"\b(?:may|might|could) (?:be|not|also|have|lead|cause|break|fail|affect|occur|happen|result)\b", 1),
        ("if", r"\bif (?:we|they|it|this|that) (?:don't|doesn't|fails?|can't|breaks?)\b", 1),
        ("open", r"\b(?:an?|the|some|still) open (?:question|issue|point)s?\b", 3),
        ("tbd", r"\btbd\b", 2),
    ),
    "decision": (
        ("decided", r"\b(?:i|we|they|team|board|group|committee|management) (?:have |has |had |had already |actually |finally |also |just )*decided\b", 4),
        ("decided", r"\b(?:was|were|been|is|got) decided\b", 3),
        ("decision decisions", r"\b(?:made|make|final|took|our|the|this|a) decision (?:is|was|to|that|has|on)\b|\bmade (?:a|the|our) decision", 3),
        ("agreed agree", r"\b(?:we|they|everyone|all|sides?) (?:have |has |had |all |both )*agreed\b|\bagreed (?:to|that|on)\b|\bwe (?:all )?agree (?:to|on|that)\b", 3),
        ("go going", r"\b(?:let's|we'll|we will|we should|gonna|going to) go (?:with|for|ahead with)\b", 3),
        ("approved approve", r"\b(?:we|they|board|committee|shareholders) (?:has |have |also )*approved\b|\b(?:was|were|been|is) approved\b", 3),
        ("chose chosen opted", r"\b(?:we|they) (?:have |'ve )?(?:chose|chosen|opted|picked|settled on)\b", 3),
        ("resolved concluded", r"\b(?:we|they|board|committee) (?:have |has )?(?:resolved|concluded) (?:to|that)\b", 3),
        ("signed", r"\bsigned off\b", 3),
        ("stick", r"\b(?:let's|we'll|we will) stick (?:with|to)\b", 3),
        ("accept accepted include included merge", r"\b(?:let's|we'll|we will) (?:accept|include|exclude|drop|postpone|keep|merge|remove|adopt)\b", 2),
    ),
    "long_term": (
        ("long longer", r"\b(?:in the )?long(?:er)?[ -](?:run|term|haul)\b", 3),
        ("years", r"\b(?:next|coming|in|over|for) (?:the next |the coming )?(?:few |several |many |couple of |\w+ )?years\b", 1),
        ("future", r"\b(?:in (?:the )?|near |for the |our )future\b", 1),
        ("forward", r"\bgoing forward\b|\bmoving forward\b", 1),
        ("term", r"\bmid(?:dle)?[ -]?(?:to[ -]long[ -])?term\b|\bmedium[ -](?:to[ -]long[ -]|to )?term\b", 2),
    ),
    "overview": (
        ("today today's", r"\b(?:today,? (?:we|i|it)|(?:agenda|topic|goal|purpose)s? (?:for|of) (?:today|this)|today's (?:agenda|topic|goal|call|meeting))\b", 3),
        ("summary summarize conclude conclusion recap", r"\b(?:in|to) (?:summary|summari[sz]e|conclude|conclusion|recap)\b", 4),
        ("goal purpose aim main", r"\b(?:the|our) (?:main |overall |key )?(?:goal|purpose|aim|objective|priority) (?:is|was|of|here)\b", 3),
        ("trying", r"\bwhat (?:we're|we are|i'm) trying to do\b", 3),
        ("overall", r"\boverall\b", 1),
    ),
    "sentiment": (
        ("really", r"\breally (?:good|great|cool|nice|like|happy|excited|hard|bad|important|interesting|appreciate)\b", 2),
        ("game", r"\bgame[ -]chang", 2),
        ("looking", r"\blooking forward\b", 1),
    ),
    "opinion": (
        ("think", r"\bi (?:do |also |personally |really )?think\b", 1),
        ("view opinion", r"\b(?:in|from) my (?:view|opinion|perspective)\b", 2),
        ("reason", r"\bthe (?:main |only |other )?reason (?:is|why|for|that|we)\b", 2),
        ("point key", r"\b(?:the|my|one) (?:main |key |important )?(?:point|takeaway) (?:is|here)\b", 2),
        ("means", r"\b(?:that|this|which|it) (?:basically |also )?means\b", 1),
    ),
}  # fmt: skip

# Verbs of work that somebody can be asked to do.
_WORK = (
    "send|share|post|write|prepare|schedule|set up|book|check|confirm|review|update|create|draft|fix|file|merge|test|"
    "email|reach out|ping|look into|look at|investigate|provide|finish|complete|deliver|organi[sz]e|submit|"
    "contact|invite|publish|document|deploy|ship|follow up|get back|circle back|add|implement|open (?:a|an|the)|"
    "sync|arrange|coordinate|collect|gather|reply|respond|upload|push|put together|work on|"
    "take care|make sure|ensure|figure out|propose|research|revise|remind|escalate|loop in|onboard|order|invoice"
)
_SOFT = r"(?:\s(?:please|also|just|then|maybe|definitely|probably|actually|quickly|try to|go and|be able to|have to|need to))*"
# What somebody will do, is asked to do, or must be done: tried on words such as "will" or "please".
ACTION_PHRASES: tuple[tuple[str, str, int], ...] = (
    ("i'll we'll", rf"\b(?:i'll|we'll){_SOFT} (?:{_WORK})\b", 3),
    ("will", rf"\b(?:i|we|he|she|they|you|everyone|someone) will{_SOFT} (?:{_WORK})\b", 2),
    ("will", rf"\bwill{_SOFT} (?:{_WORK})\b", 1),
    ("going gonna", rf"\b(?:i'm|i am|we're|we are|you're|he's|she's|they're) (?:going to|gonna){_SOFT} (?:{_WORK})\b", 2),
    ("need needs have has should must", rf"\b(?:i|we|you|he|she|they|someone|somebody) (?:still |also |really )?(?:need to|needs to|have to|has to|should|must){_SOFT} (?:{_WORK})\b", 2),
    ("can could would", rf"\b(?:can|could|would) (?:you|someone|somebody|anyone|anybody){_SOFT} (?:{_WORK})\b", 3),
    ("please", rf"\bplease (?:do )?(?:{_WORK})\b", 3),
    ("let's let", rf"\blet's{_SOFT} (?:{_WORK})\b|\blet us (?:{_WORK})\b", 2),
    ("action", r"\baction items?\b", 4),
    ("next", r"\bnext steps?\b", 3),
    ("todo to-do", r"\bto-?do\b", 3),
    ("follow", r"\bfollow[ -]up (?:with|on|by|email|meeting|call)\b", 3),
    ("assigned responsible", r"\b(?:assigned to|responsible for)\b", 2),
    ("take", r"\b(?:i'll|i can|i will|i could) take (?:that|this|it|care)\b", 3),
)  # fmt: skip
PHRASES["action"] = ACTION_PHRASES
# The first words of what somebody can be asked to do: without one of them no
# action phrase that is triggered by a common word ("will", "have") can match.
WORK_WORDS = word_set(re.sub(r"\(.*?\)|\[|\]", "", _WORK.replace("|", " ")) + " organise organize")
COMMON_TRIGGERS = word_set(
    "i'll we'll will going gonna need needs have has should must can could would please let's let"
)

# Talk about the call itself: of no use in a document about its content.
NOISE: tuple[tuple[str, str], ...] = (
    ("hear", r"\bhear me\b|\bhear you\b|\bhear us\b"),
    ("see", r"\b(?:see|seeing) (?:my|the|your|this) (?:screen|slides?|presentation)\b|\bsee it\?"),
    ("screen", r"\bshar(?:e|ing) (?:my |the |your |this )?(?:entire |whole )?screen\b|\bmy screen\b"),
    ("mute muted unmute unmuted", r"\b(?:un)?muted?\b"),
    ("ahead", r"\b(?:please )?go ahead\b"),
    ("page slide", r"\b(?:turn to|move on to|moving on to|go to|see|on) (?:the )?(?:next )?(?:page|slide)\b|^(?:next )?slide\b"),
    ("slide", r"\bnext slide\b"),
    ("question", r"\b(?:next|first|last|another|following|one more) question (?:is |comes |come |will |please|from|goes)|\bpress (?:star|then)\b|\bquestion (?:comes|is) from\b|\b(?:have|take|ask|got|answer) (?:a|any|the|one more|another|your|some|my)? ?(?:quick |more |other |last |first |further )*questions?\b"),
    ("questions", r"\b(?:any|more|other|further|take|your|no|have) (?:\w+ )?questions\b"),
    ("thank thanks", r"^(?:\w+,? )?(?:okay|ok|alright|all right|so|yeah|great|cool|perfect|and|yes|well)?[,. ]*(?:thank you|thanks)\b|\bthank you (?:very|so) much\b|\bthank(?:s| you)[^,.]{0,30}[.!]$"),
    ("recording recorded", r"\b(?:is|are|being|start(?:ed)?) record(?:ed|ing)\b"),
    ("listen-only", r"\blisten-only\b"),
    ("welcome", r"\byou(?:'re| are) welcome\b"),
    ("telephone pad keypad", r"\b(?:telephone|keypad|touch-?tone)\b"),
    ("camera microphone mic", r"\b(?:camera|microphone|mic)\b"),
)  # fmt: skip
# Words of a speaker who is still looking for words.
DISFLUENT = word_set(
    """
    um uh uhm eh ah er erm hmm mm mhm like kinda gonna wanna actually basically obviously literally stuff
    """
)
FILLERS = word_set(
    """
    yeah yes yep yup no nope okay ok right sure alright cool nice great hello hi hey bye thanks thank you so
    um uh oh hmm mhm mm well and but like just good perfect exactly correct i see know mean guess it is
    that's the a
    """
)

# Function words and fillers: no information, whatever their count.
STOPWORDS = word_set(
    """
    a about above actually after again ago all already also although always am an and another any anyone
    anything are aren't around as ask at away back be became because become been before being below between
    both but by came can can't cannot come comes coming could couldn't did didn't do does doesn't doing
    don't done down during each either else enough etc even ever every everybody everyone everything few
    first for from further gave get gets getting give given go goes going gone gonna good got gotta great
    guess guys had hadn't has hasn't have haven't having he he's hello her here here's hers herself hey hi
    him himself his how however i i'd i'll i'm i've if in indeed instead into is isn't it it'd it'll it's
    its itself just kind kinda know last least left less let let's like likely little long look looking lot
    lots made make makes making many may maybe me mean means might mine more most much must my myself need
    never next nice no nor not nothing now of off often oh ok okay on once one ones only onto or other
    others our ours out over own part people perhaps please pretty probably put quite rather really right
    said same saw say saying says see seem seems seen she she's should shouldn't since so some somebody
    somehow someone something sometimes somewhere soon sort still stuff such sure take taken takes talk tell
    than thank thanks that that'll that's the their theirs them themselves then there there'll there's
    therefore these they they'd they'll they're they've thing things think this those though through thus to
    today together too took toward towards try trying two uh uhm um under until up upon us use used using
    usually very wanna want wants was wasn't way ways we we'd we'll we're we've well went were weren't what
    what's whatever when where where's whether which while who who's whole whom whose why will with within
    without won't would wouldn't yeah yep yes yet you you'd you'll you're you've your yours yourself bit
    obviously alright actually basically mm hmm mhm and/or
    """
)
