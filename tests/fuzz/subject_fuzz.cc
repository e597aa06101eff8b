// SPDX-License-Identifier: Apache-2.0
// Two texts, separated by a line feed: validity and relations keep their laws.
#include "proto/subject.h"

#include "tests/fuzz/require.h"
#include "tests/support/subject_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::proto;
    using nuring::test::require;
    const std::string_view input = nuring::test::view_of(bytes, size);
    const size_t middle = std::min(input.find('\n'), input.size());
    const std::string_view a = input.substr(0, middle);
    const std::string_view b = input.substr(std::min(middle + 1, input.size()));

    const test::SubjectModel model_a(a);
    const test::SubjectModel model_b(b);
    require(is_valid_subject(a) == model_a.is_valid(), "validity is the model's");
    require(is_valid_literal_subject(a) == model_a.is_valid_literal(), "literal validity");
    require(is_literal(a) == model_a.is_literal(), "literal is the model's");
    require(token_count(a) == model_a.tokens().size(), "as many tokens");
    require(matches_literal(a, b) == model_b.matches(model_a), "match is the model's");

    require(subjects_collide(a, b) == subjects_collide(b, a), "collision has no direction");
    if (is_subset(a, b)) require(subjects_collide(a, b), "what is inside collides");
    if (is_subset(a, b) && is_subset(b, a)) {
        require(a == b || !is_literal(a), "equal literals are the same text");
    }
    if (!is_valid_subject(a)) return 0;
    require(is_subset(a, a), "everything is inside itself");
    if (is_valid_subject(b) && is_literal(a)) {
        require(is_subset(a, b) == matches_literal(a, b), "inside means matched");
        require(subjects_collide(a, b) == matches_literal(a, b), "collides means matched");
    }
    return 0;
}
