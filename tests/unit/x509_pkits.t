#!/usr/bin/python3
"""NIST's PKITS: every case through x509check, with the policy inputs and CRLs that it names."""

import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certs

DATA = os.path.join(certs.ROOT, "..", "shared", "data", "pkits.json")

# Cases whose answer is not NIST's, and why.
DEVIATIONS = {
    "4.2.4": "a GeneralizedTime before 2050 is refused (RFC 5280 4.1.2.5)",
}


def options(pkits):
    out = []
    for policy in (pkits["initial_policy_set"] or "").split(","):
        if policy == "anyPolicy":
            out += ["--policy", "2.5.29.32.0"]
        elif policy:
            out += ["--policy", "2.16.840.1.101.3.2.1.48." + policy.rsplit("-", 1)[1]]
    for field, option in (("initial_explicit_policy", "--explicit-policy"),
                          ("initial_policy_mapping_inhibit", "--inhibit-mapping"),
                          ("initial_inhibit_any_policy", "--inhibit-any-policy")):
        if pkits[field] == "true":
            out.append(option)
    if pkits["number"] in ("4.1.4", "4.1.5"):  # DSA of its time
        out += ["--allow-sha1", "--minimum-bits", "1024", "--profile", "basic"]
    return out


def main():
    if not os.path.exists(DATA):
        certs.skip_all("no ../shared/data")
    with open(DATA) as f:
        cases = json.load(f)["testcases"]
    right = 0
    for case in cases:
        number = case["pkits"]["number"]
        time = int(datetime.datetime.fromisoformat(case["validation_time"]).timestamp())
        got = certs.check(case["trusted_certs"],
                          [case["peer_certificate"]] + case["untrusted_intermediates"],
                          *options(case["pkits"]), time=time,
                          crls=case["crls"])
        good = got.startswith("accept" if case["expected_result"] == "SUCCESS" else "reject")
        right += good
        if number in DEVIATIONS:
            certs.ok(not good, "%s, other than NIST: %s" % (case["description"],
                                                           DEVIATIONS[number]), got)
        else:
            certs.ok(good, case["description"],
                     "wanted %s, got: %s" % (case["expected_result"], got))
    print("# %d of %d as NIST has it" % (right, len(cases)))
    certs.ok(right == len(cases) - len(DEVIATIONS), "all cases are counted")
    certs.done()


main()
