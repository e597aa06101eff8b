// SPDX-License-Identifier: Apache-2.0
// Any text as a distinguished name: what is read reads back as itself, in both kinds of key.
#include "core/base/certificate_names.h"

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using nuring::base::DistinguishedName;
    using nuring::test::require;
    const auto name = DistinguishedName::parse(nuring::test::view_of(bytes, size));
    if (!name.has_value()) return 0;
    for (const bool ordered : {true, false}) {
        const auto again = DistinguishedName::parse(name->key(ordered));
        require(again.has_value(), "a key is a name");
        require(again->key(ordered) == name->key(ordered), "and its own key");
        require(again->parts.size() == name->parts.size(), "of as many parts");
    }
    return 0;
}
