# SPDX-License-Identifier: Apache-2.0
"""Scene: a configuration drawn from a random generator, and what a client must know to be let in.

All servers of a run get the same file, so only what every version compared understands is drawn.
"""

TOKENS = ("a", "b", "c", "foo")


class Scene:
    def __init__(self, name, config, logins=({},)):
        self.name = name
        self.config = config
        self.logins = list(logins)  # CONNECT fields that let a client in


def subject(draw, wild=0.3, tokens=TOKENS, longest=3):
    """A valid subject, often a pattern."""
    parts = [draw.choice(tokens) for _ in range(draw.randint(1, longest))]
    if draw.random() < wild:
        parts[draw.randrange(len(parts))] = "*"
    if draw.random() < wild / 2:
        parts[-1] = ">"
    return ".".join(parts)


def quoted(texts):
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def limits(draw):
    lines = []
    for key, values in {
        "max_payload": (8, 64, 1000),
        "max_control_line": (64, 128, 512),
        "max_subscriptions": (1, 2, 5),
        "max_sub_tokens": (1, 2, 3),
        "no_header_support": ("true",),
        "max_pending": (200, 2000),
    }.items():
        if draw.random() < 0.15:
            lines.append(f"{key}: {draw.choice(values)}")
    return lines


def subject_permissions(draw, queues):
    def several():
        found = [subject(draw, 0.5) for _ in range(draw.randint(1, 3))]
        if queues and draw.random() < 0.3:
            found.append(subject(draw, 0.4) + " " + draw.choice(("q1", "q*", "q.>", "*", ">", "q1.*")))
        return quoted(found)

    form = draw.random()
    if form < 0.3:
        return several()
    if form < 0.5:
        return "{ deny: %s }" % several()
    if form < 0.7:
        return "{ allow: %s }" % several()
    return "{ allow: %s, deny: %s }" % (several(), several())


def permissions(draw):
    parts = []
    if draw.random() < 0.7:
        parts.append("publish: " + subject_permissions(draw, False))
    if draw.random() < 0.7:
        parts.append("subscribe: " + subject_permissions(draw, True))
    if draw.random() < 0.4:
        answers = ("true", "{ max: 1 }", '{ max: 2, expires: "1m" }', "{ max: -1 }", "false")
        parts.append("allow_responses: " + draw.choice(answers))
    return "{ " + ", ".join(parts) + " }"


def plain(draw):
    return Scene("plain", limits(draw))


def one_user(draw):
    config = ["authorization { user: ann, password: pw }"] + limits(draw)
    return Scene("user", config, [{"user": "ann", "pass": "pw"}])


def token(draw):
    return Scene("token", ["authorization { token: t0k }"] + limits(draw), [{"auth_token": "t0k"}])


def users(draw):
    config = ["authorization {"]
    if draw.random() < 0.3:
        config.append("  default_permissions: " + permissions(draw))
    config.append("  users: [")
    logins = []
    for name in ("ann", "bob", "cid", "dan"):
        own = ", permissions: " + permissions(draw) if draw.random() < 0.8 else ""
        config.append(f"    {{ user: {name}, password: pw{own} }}")
        logins.append({"user": name, "pass": "pw"})
    config += ["  ]", "}"]
    if draw.random() < 0.3:
        config.append("no_auth_user: bob")
        logins.append({})
    if draw.random() < 0.3:
        config += limits(draw)
    return Scene("users", config, logins)


def mapping_target(draw, stars):
    parts = [draw.choice(TOKENS + ("m", "n")) for _ in range(draw.randint(1, 2))]
    for index in range(1, stars + 1):
        parts.insert(draw.randint(0, len(parts)), f"${index}" if draw.random() < 0.7 else "{{wildcard(%d)}}" % index)
    return ".".join(parts)


def mapping_source(draw):
    """Source and target of a mapping; a full wildcard stays at the end."""
    source = subject(draw, 0.4)
    target = mapping_target(draw, source.split(".").count("*"))
    if source.endswith(">"):
        target += ".>"
    return source, target


def overlap(one, other):
    """Some subject matches both."""
    ours, theirs = one.split("."), other.split(".")
    for mine, other_one in zip(ours, theirs):
        if ">" in (mine, other_one):
            return True
        if mine != other_one and "*" not in (mine, other_one):
            return False
    return len(ours) == len(theirs)


def mapping_lines(draw):
    """Of two that overlap the Go server takes the one that the order of its hash table puts first: none such."""
    seen = {}
    for _ in range(draw.randint(1, 4)):
        source, target = mapping_source(draw)
        if any(overlap(source, other) for other in seen):
            continue
        if draw.random() < 0.2:
            target = '[{ destination: "%s", weight: 100%% }]' % target
        else:
            target = f'"{target}"'
        seen[source] = target
    return ["mappings: {"] + [f'  "{key}": {value}' for key, value in seen.items()] + ["}"]


def mappings(draw):
    return Scene("mappings", mapping_lines(draw) + (limits(draw) if draw.random() < 0.3 else []))


def export_lines(draw):
    found = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.choice(("stream", "service"))
        extra = ""
        if kind == "service" and draw.random() < 0.3:
            extra = ", response_type: " + draw.choice(("singleton", "stream", "chunked"))
        found.append((kind, subject(draw, 0.5), extra))
    return found


def import_line(draw, account, kind, exported):
    """Takes the whole export or a part of it."""
    parts = exported.split(".")
    if draw.random() < 0.3:
        parts = [draw.choice(TOKENS) if part == "*" and draw.random() < 0.5 else part for part in parts]
        if parts[-1] == ">":
            parts[-1] = draw.choice(TOKENS)
    wanted = ".".join(parts)
    line = '{ %s: { account: %s, subject: "%s" }' % (kind, account, wanted)
    stars, tail = parts.count("*"), parts[-1] == ">"
    way = draw.random()
    if kind == "stream" and way < 0.4:
        line += ', prefix: "%s"' % draw.choice(("p", "p.q", "a"))
    elif way < 0.7 and not (kind == "service" and tail):
        order = list(range(1, stars + 1))
        draw.shuffle(order)
        to = draw.choice(("to", "x.y", "a"))
        to += "".join(f".${index}" for index in order) + (".>" if tail else "")
        line += f', to: "{to}"'
    return line + " }"


def accounts(draw):
    names = ("A", "B", "C")
    exports = {name: export_lines(draw) for name in names}
    config, logins = ["accounts {"], []
    for index, name in enumerate(names):
        config.append(f"  {name} {{")
        config.append(f"    users: [ {{ user: {name.lower()}, password: pw }} ]")
        config.append("    exports: [")
        config += ['      { %s: "%s"%s }' % export for export in exports[name]]
        config.append("    ]")
        taken = []
        for other in names[index + 1 :]:  # downwards only: no cycles
            for kind, exported, _ in exports[other]:
                if draw.random() < 0.6:
                    taken.append("      " + import_line(draw, other, kind, exported))
        if taken:
            config += ["    imports: ["] + taken + ["    ]"]
        if draw.random() < 0.2:
            config += ["    " + line for line in mapping_lines(draw)]
        config.append("  }")
        logins.append({"user": name.lower(), "pass": "pw"})
    config.append("}")
    if draw.random() < 0.3:
        config.append("no_auth_user: b")
        logins.append({})
    return Scene("accounts", config, logins)


KINDS = (plain, plain, one_user, token, users, users, users, mappings, accounts, accounts)


def scene(draw):
    return draw.choice(KINDS)(draw)
