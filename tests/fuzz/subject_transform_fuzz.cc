// SPDX-License-Identifier: Apache-2.0
// Source, target and subject, separated by line feeds: what is accepted can be applied, and led back.
#include "proto/subject_transform.h"

#include <algorithm>
#include <string>

#include "proto/limits.h"
#include "proto/subject.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::proto;
    using nuring::test::require;
    std::string_view rest = nuring::test::view_of(bytes, size);
    const auto cut = [&rest] {
        const size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return line;
    };
    const std::string_view source = cut();
    const std::string_view target = cut();
    const std::string_view subject = cut();

    std::string error;
    (void)check_mapping_target(target, &error);
    (void)pattern_of_target(target);
    const auto transform =
        SubjectTransform::create(source, target, SubjectTransform::Use::kMapping, &error);
    if (!transform) {
        require(!error.empty(), "a refusal has a reason");
        return 0;
    }
    if (!is_valid_literal_subject(subject) || !matches_literal(subject, source)) return 0;
    std::string out;
    if (!transform->apply(subject, &out)) return 0;
    require(out.size() <= kSubjectSizeMax, "the limit holds");
    const auto reversed = transform->reversed();
    if (!reversed || !is_valid_literal_subject(out)) return 0;
    std::string back;
    require(reversed->apply(out, &back), "what was short stays short");
    return 0;
}
