"""English words whose forms no ending tells: "sold" is of "sell", "children" of "child".

Forms that are common words of their own ("rose", "lay", "ground") are left out.
"""

_FORMS = """
become: became; begin: began begun; bite: bit bitten; blow: blew blown; break: broke
broken; breed: bred; bring: brought; build: built; burn: burnt; buy: bought; catch: caught;
choose: chose chosen; come: came; creep: crept; deal: dealt; dig: dug; draw: drew drawn; dream:
dreamt; drink: drank drunk; drive: drove driven; eat: ate eaten; fall: fell fallen; feed: fed;
feel: felt; fight: fought; find: found; flee: fled; fly: flew flown; forbid: forbade forbidden;
forget: forgot forgotten; forgive: forgave forgiven; freeze: froze frozen; get: got gotten;
give: gave given; go: went gone; grow: grew grown; hang: hung; hear: heard; hide: hid hidden;
hold: held; keep: kept; kneel: knelt; know: knew known; lead: led; learn: learnt; leave: left;
lend: lent; light: lit; lose: lost; make: made; mean: meant; meet: met; mistake: mistook
mistaken; pay: paid; ride: rode ridden; ring: rang rung; run: ran; say: said; see: saw seen;
seek: sought; sell: sold; send: sent; shake: shook shaken; shine: shone; shoot: shot; show:
shown; shrink: shrank shrunk; sing: sang sung; sink: sank sunk; sit: sat; sleep: slept; slide:
slid; smell: smelt; speak: spoke spoken; spell: spelt; spend: spent; spill: spilt; spin: spun;
spoil: spoilt; stand: stood; steal: stole stolen; stick: stuck; sting: stung; strike: struck;
swear: swore sworn; sweep: swept; swell: swollen; swim: swam swum; swing: swung; take: took
taken; teach: taught; tear: tore torn; tell: told; think: thought; throw: threw thrown;
understand: understood; wake: woke woken; wear: wore worn; weave: wove woven; weep: wept; win:
won; withdraw: withdrew withdrawn; write: wrote written; child: children; foot: feet; goose:
geese; knife: knives; leaf: leaves; life: lives; man: men; mouse: mice; shelf: shelves; tooth:
teeth; wife: wives; woman: women
"""
BASES = {
    form: base
    for entry in _FORMS.split(";")
    for base, _, forms in [entry.strip().partition(":")]
    for form in forms.split()
}
"""The word that a form is of."""
