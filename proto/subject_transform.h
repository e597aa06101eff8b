// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::proto {

// SubjectTransform makes one subject out of another: each `*` of the source pattern may come up again
// anywhere in the target, as it is or through a function.
//
//   orders.*.*   ->  out.$2.{{partition(4,1,2)}}     orders.eu.ann  ->  out.ann.3
//   orders.>     ->  old.orders.>                    orders.eu.ann  ->  old.orders.eu.ann
//
// A token of the target is plain text, `$n`, `>` at the end (what the source's `>` matched), or one of
// {{wildcard(n)}}, {{partition(buckets,n,...)}}, {{splitFromLeft(n,at)}}, {{splitFromRight(n,at)}},
// {{sliceFromLeft(n,size)}}, {{sliceFromRight(n,size)}}, {{split(n,separator)}}, {{left(n,size)}},
// {{right(n,size)}}, {{random(bound)}}. partition(buckets) is a partition by the whole subject.
//
// Threads: immutable once made. apply() allocates only what the output string lacks.
// Limits:  proto::kSubjectSizeMax bytes of source, target and output.
// Errors:  create() says why, in the reference's words.
// Source:  server/subject_transform.go 2.15.3 (NewSubjectTransformWithStrict). Otherwise than there
//          reversed() is right for any order.
class SubjectTransform {
  public:
    // The use of the target. A mapping may drop tokens of the source (since 2.10); an import uses all
    // of them, because it leads back, too, and none of left(), right() and random().
    enum class Use : uint8_t { kMapping, kImport };

    // Nothing, and the reason in `error`, if one of the two is not valid or too long.
    static std::optional<SubjectTransform> create(std::string_view source, std::string_view target,
                                                  Use use, std::string* error);

    // Replaces `out` by what `subject` becomes. `subject` is matched by the source (a pattern inside
    // the source may be transformed as well). False if that would be too long: `out` is of no use.
    // `random` is the seed of what is_random() draws.
    [[nodiscard]] bool apply(std::string_view subject, std::string* out, uint64_t random = 0) const;

    // Each message of one subject may get another.
    bool is_random() const;

    // From the target's side back, if no function stands in the way.
    std::optional<SubjectTransform> reversed() const;

    const std::string& source() const { return source_; }
    const std::string& target() const { return target_; }

  private:
    enum class Function : uint8_t {
        kText,
        kTail,
        kWildcard,
        kPartition,
        kSplitFromLeft,
        kSplitFromRight,
        kSliceFromLeft,
        kSliceFromRight,
        kSplit,
        kLeft,
        kRight,
        kRandom,
    };
    struct Part {  // one token of the target
        Function function = Function::kText;
        std::string text;              // the token; of kSplit: the separator
        std::vector<uint32_t> tokens;  // of the source, from 0
        uint32_t number = 0;           // buckets, position, size
    };

    // The number as its function uses it, if it is below nought.
    static uint32_t bound_of(Function function, int32_t number);
    static bool parse_part(std::string_view token, Part* part, std::string* error);
    static bool parse_function(std::string_view token, Part* part, std::string* error);
    void append(const Part& part, std::string_view value, std::string* out) const;

    std::string source_;
    std::string target_;
    uint32_t source_tokens_ = 0;
    std::vector<Part> parts_;  // empty: the target as it is
};

// Is it a target that a mapping may have? The check of form that comes before create().
// Source: ValidateMappingDestination in server/sublist.go 2.9.10.
bool check_mapping_target(std::string_view target, std::string* error);

// `foo.*.*` -> `foo.$1.$2`
std::string number_wildcards(std::string_view pattern);
// The pattern of what a target gives: `foo.$1.{{wildcard(2)}}` -> `foo.*.*`
std::string pattern_of_target(std::string_view target);

}  // namespace nuring::proto
