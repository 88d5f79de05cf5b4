"""Official rules, compiled: rule file → pack → findings. Which packs judge, and how hard, is decided elsewhere (`gateway.policies`).

    pack = pack.official("EN16931-UBL", cache_folder)           # or pack.load(name, file.sch), pack.compile_pack(name, data)
    found = document.read(data)                                 # or document.Document(data, root) when it is parsed already
    findings = evaluator.best().evaluate(pack, found)

source, stylesheet, schema → xpath → plan, expressions, paths (forms.py) → pack → reference: linking, matching, walking over tree.
"""
