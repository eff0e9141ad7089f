#!/usr/bin/python3
"""The tree's own rules: layers include only what is below them, only crypto_glue knows Nettle and
GMP, and the library exports the symbol table's names and no others."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tlstest as t

# Each layer and the layers that it may include, by design.md: crypto_glue <- tls <- policy <- shim.
BELOW = {
    "crypto_glue": [],
    "tls": ["crypto_glue"],
    "policy": ["tls"],
    "shim": ["crypto_glue", "tls", "policy"],
}
CRYPTO_LIBRARIES = re.compile(r"(nettle|hogweed)/|gmp\.h$|mini-gmp")
# What the three lower layers may call of libc: they allocate nothing, know no descriptor and no
# stream, keep no errno. Fortified and internal spellings come down to these.
MEMORY = set("""memcpy memmove memset memcmp memchr strlen strcmp strncmp strchr strrchr strcspn strspn
    strpbrk snprintf vsnprintf inet_pton inet_ntop stack_chk_fail""".split())
CALLS = {
    # getrandom and its EINTR; __builtin_cpu_supports.
    "crypto_glue": MEMORY | {"getrandom", "errno_location", "cpu_model", "cpu_indicator_init"},
    "tls": MEMORY,
    "policy": MEMORY,
}


def sources(layer):
    for folder, _, names in os.walk(os.path.join(t.ROOT, layer)):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".in")):
                yield os.path.relpath(os.path.join(folder, name), t.ROOT)


def includes(path):
    """(line number, how it is written, the file of the tree that it names or None)"""
    with open(os.path.join(t.ROOT, path)) as f:
        for number, line in enumerate(f, 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if not found:
                continue
            kind, name = found.groups()
            for base in (os.path.dirname(path), "."):
                target = os.path.normpath(os.path.join(base, name))
                if kind == '"' and os.path.exists(os.path.join(t.ROOT, target)):
                    yield number, name, target
                    break
            else:
                yield number, name, None


def upward(layer):
    allowed = [layer] + BELOW[layer]
    return "\n".join("%s:%d includes %s" % (path, number, name)
                     for path in sources(layer) for number, name, target in includes(path)
                     if target and target.split("/")[0] not in allowed)


def foreign_crypto():
    return "\n".join("%s:%d includes %s" % (path, number, name)
                     for layer in BELOW if layer != "crypto_glue"
                     for path in sources(layer) for number, name, _ in includes(path)
                     if CRYPTO_LIBRARIES.match(name))


def not_found():
    return "\n".join("%s:%d includes %s" % (path, number, name)
                     for layer in BELOW for path in sources(layer)
                     for number, name, target in includes(path)
                     if target is None and name.split("/")[0] in (list(BELOW) + [".."]))


def symbols(layer, *options):
    """Of the objects whose sources are in the tree."""
    objects = [os.path.join(t.BUILD, "obj", path[:-2] + ".o") for path in sources(layer)
               if path.endswith(".c")]
    text = subprocess.run(["nm", *options] + objects, check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    return {line.split()[-1] for line in text.splitlines() if len(line.split()) > 1}


def foreign_calls(layer):
    """What the layer's objects need that neither it, nor a layer below, nor its list offers."""
    own = set()
    for name in [layer] + BELOW[layer] + [deep for low in BELOW[layer] for deep in BELOW[low]]:
        own |= symbols(name, "--defined-only")
    wrong = []
    for name in sorted(symbols(layer, "-u") - own - {"_GLOBAL_OFFSET_TABLE_"}):
        if layer == "crypto_glue" and re.match(r"_?nettle_|__gmpn_", name):
            continue
        if re.sub(r"^_*|_chk$", "", name) not in CALLS[layer]:
            wrong.append(name)
    return wrong


def table():
    """The names in shim/symbols.h, as the compiler sees them."""
    probe = ('#include "shim/symbols.h"\n'
             '#define N(ret, name, params, coverage, note) @name@\nSHIM_SYMBOLS(N)\n')
    text = subprocess.run(["gcc", "-E", "-P", "-I.", "-x", "c", "-"], input=probe, cwd=t.ROOT,
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(re.findall(r"@\s*(\w+)\s*@", text))


def exported():
    text = subprocess.run(["nm", "-D", "--defined-only", os.path.join(t.BUILD, "libtlshim.so")],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(line.split()[-1].split("@")[0] for line in text.splitlines())


def needed(name):
    text = subprocess.run(["objdump", "-p", os.path.join(t.BUILD, name)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"NEEDED\s+(\S+)", text))


t.start(wire=False)
for layer in BELOW:
    t.is_(upward(layer), "", "%s includes nothing above it" % layer)
t.is_(foreign_crypto(), "", "only crypto_glue includes Nettle and GMP")
t.is_(not_found(), "", "every include of the tree's own files is found")
for layer in CALLS:
    t.is_(foreign_calls(layer), [], "%s neither allocates nor calls the system" % layer)
t.is_([name for layer in BELOW for name in symbols(layer) if "defence_is_off" in name], [],
      "no defence can be taken away in what ships (tls/tls_defences.h, crypto_glue/cg_defences.h)")
names = table()
t.ok(len(names) > 50, "the symbol table is read", names)
t.is_(exported(), names, "the library exports exactly the symbol table")
with open(os.path.join(t.ROOT, "README.md"), encoding="utf-8") as readme:
    table = subprocess.run([os.path.join(t.ROOT, "tests", "symbol-table")], check=True,
                           capture_output=True, text=True).stdout
    t.ok(table in readme.read(), "the README's table of calls is the source's (make symbols)")
for name in ("libtlshim.so", "tlshim"):
    t.ok(needed(name) <= {"libc.so.6", "libgmp.so.10", "libdl.so.2", "ld-linux-x86-64.so.2",
                          "libpthread.so.0"},
         "%s needs no library but libc and GMP" % name, needed(name))
t.finish()
