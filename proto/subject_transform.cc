// SPDX-License-Identifier: Apache-2.0
#include "proto/subject_transform.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "fmt/format.h"
#include "proto/limits.h"
#include "proto/subject.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kBadSubject = "invalid subject";
constexpr std::string_view kBadTarget = "invalid mapping destination";
constexpr std::string_view kTooLong = "subject is too long";
constexpr std::string_view kOnlyWildcard =
    "the only mapping function allowed for import transforms is {{Wildcard()}}";

// Tokens that are kept without an allocation.
constexpr size_t kTokensInline = 16;
using TokenArray = absl::InlinedVector<std::string_view, kTokensInline>;

std::string failure(std::string_view why, std::string_view token) {
    return fmt::format("{}: {} in {}", kBadTarget, why, token);
}

bool refuse(std::string* error, std::string text) {
    *error = std::move(text);
    return false;
}

std::string_view trimmed(std::string_view text, std::string_view blanks) {
    const size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Go's Atoi: an optional sign and digits, the whole text.
std::optional<int64_t> to_number(std::string_view text) {
    text = trimmed(text, " ");
    if (text.starts_with('+')) text.remove_prefix(1);
    int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_function(std::string_view token) {
    return token.size() > 4 && token.starts_with("{{") && token.ends_with("}}");
}

// "$3" -> 3; nothing for plain text.
std::optional<int64_t> placeholder(std::string_view token) {
    if (token.size() < 2 || token[0] != '$') return std::nullopt;
    return to_number(token.substr(1));
}

// A letter that is large in `name` may be large or small, others are as they are.
bool is_named(std::string_view text, std::string_view name) {
    return std::equal(text.begin(), text.end(), name.begin(), name.end(), [](char have, char want) {
        const bool either = want >= 'A' && want <= 'Z';
        return have == want || (either && have == want - 'A' + 'a');
    });
}

// "{{ name(arguments) }}"
struct Call {
    std::string_view name;
    std::vector<std::string_view> arguments;
};

std::optional<Call> parse_call(std::string_view token) {
    constexpr std::string_view kBlanks = " \t\n\f\r";
    const std::string_view inner = trimmed(token.substr(2, token.size() - 4), kBlanks);
    const size_t open = inner.find('(');
    if (open == std::string_view::npos || !inner.ends_with(')')) return std::nullopt;
    Call call{.name = trimmed(inner.substr(0, open), kBlanks), .arguments = {}};
    std::string_view rest = inner.substr(open + 1, inner.size() - open - 2);
    for (;;) {
        const size_t comma = rest.find(',');
        call.arguments.push_back(rest.substr(0, comma));
        if (comma == std::string_view::npos) return call;
        rest.remove_prefix(comma + 1);
        const size_t next = rest.find_first_not_of(kBlanks);
        rest.remove_prefix(std::min(next, rest.size()));
    }
}

// In the order of SubjectTransform::Function, from kWildcard on.
constexpr std::array<std::string_view, 10> kFunctionNames = {
    "Wildcard",       "Partition", "SplitFromLeft", "SplitFromRight", "SliceFromLeft",
    "SliceFromRight", "Split",     "Left",          "Right",          "Random"};

// The place of the called function among the names; their count: unknown.
size_t function_of(const std::optional<Call>& call) {
    if (!call) return kFunctionNames.size();
    const auto found = std::find_if(kFunctionNames.begin(), kFunctionNames.end(),
                                    [&](auto name) { return is_named(call->name, name); });
    return static_cast<size_t>(found - kFunctionNames.begin());
}

// A remainder in Go: of a division by an unsigned number, or one whose sign does not matter.
uint32_t remainder(uint32_t value, uint32_t bound) {
    return bound == 0 ? 0 : value % bound;
}

struct PatternShape {
    bool valid = false;
    bool has_tail = false;
    std::vector<uint32_t> wildcards;  // places of `*`
    std::vector<std::string_view> tokens;
};

PatternShape shape_of(std::string_view pattern) {
    PatternShape shape;
    if (pattern.empty()) return shape;
    for (const std::string_view token : SubjectTokens(pattern)) {
        if (token.empty() || shape.has_tail) return shape;
        if (token == kAnyToken) shape.wildcards.push_back(static_cast<uint32_t>(shape.tokens.size()));
        shape.has_tail = token == kAnyTail;
        shape.tokens.push_back(token);
    }
    shape.valid = true;
    return shape;
}

void append_sliced(std::string_view text, size_t first, size_t size, std::string* out) {
    *out += text.substr(0, first);
    for (size_t at = first; at < text.size(); at += size) {
        if (at != 0) *out += kTokenSeparator;
        *out += text.substr(at, size);
    }
}

void append_split(std::string_view text, std::string_view separator, std::string* out) {
    bool first = true;
    while (!text.empty()) {
        const size_t end = separator.empty() ? 1 : std::min(text.find(separator), text.size());
        if (end != 0) {
            if (!std::exchange(first, false)) *out += kTokenSeparator;
            *out += text.substr(0, end);
        }
        text.remove_prefix(std::min(text.size(), end + separator.size()));
    }
}

constexpr uint64_t kRandomStep = 6364136223846793005;  // of Knuth's generator: for a second random()

// FNV-1a, as Go's hash/fnv: partitions are the same on every server.
struct Fnv32 {
    uint32_t sum = 2166136261U;
    void add(std::string_view text) {
        for (const char c : text) sum = (sum ^ static_cast<uint8_t>(c)) * 16777619U;
    }
};

}  // namespace

uint32_t SubjectTransform::bound_of(Function function, int32_t number) {
    const auto bits = static_cast<uint32_t>(number);
    if (function == Function::kPartition || number >= 0) return bits;
    return function == Function::kRandom ? 0U - bits : 0;
}

bool SubjectTransform::parse_function(std::string_view token, Part* part, std::string* error) {
    const std::optional<Call> call = parse_call(token);
    const size_t function = function_of(call);
    if (function == kFunctionNames.size()) return refuse(error, failure("unknown function", token));
    part->function = static_cast<Function>(static_cast<size_t>(Function::kWildcard) + function);
    std::vector<std::string_view> arguments = call->arguments;
    const auto bad_argument = [&] {
        return refuse(error, failure("function argument is invalid or in the wrong format", token));
    };
    const bool is_wildcard = part->function == Function::kWildcard;
    const bool is_partition = part->function == Function::kPartition;
    const bool is_random = part->function == Function::kRandom;
    const size_t expected = is_wildcard || is_partition || is_random ? 1 : 2;
    if (arguments.size() < expected || (is_wildcard && arguments[0].empty()) ||
        (is_random && arguments.size() != expected)) {
        return refuse(error, failure("not enough arguments passed to the function", token));
    }
    if (!is_partition && arguments.size() > expected) {
        return refuse(error, failure("too many arguments passed to the function", token));
    }
    if (is_partition) {  // the number comes first, then wildcards
        std::rotate(arguments.begin(), arguments.begin() + 1, arguments.end());
    }
    if (part->function == Function::kSplit) {
        part->text = arguments.back();
        if (part->text.find_first_of(" .") != std::string::npos) return bad_argument();
        arguments.pop_back();
    } else if (!is_wildcard) {
        const std::optional<int64_t> number = to_number(arguments.back());
        const bool any_low = is_partition || is_random;  // these keep the low 32 bits
        if (!number || (!any_low && *number < INT32_MIN) || *number > INT32_MAX) return bad_argument();
        part->number = bound_of(part->function, static_cast<int32_t>(*number));
        arguments.pop_back();
    }
    for (const std::string_view argument : arguments) {
        const std::optional<int64_t> wildcard = to_number(argument);
        if (!wildcard || *wildcard > INT32_MAX) return bad_argument();
        part->tokens.push_back(static_cast<uint32_t>(std::max<int64_t>(*wildcard, 0)));
    }
    return true;
}

bool SubjectTransform::parse_part(std::string_view token, Part* part, std::string* error) {
    part->text = token;
    if (token == kAnyTail) {
        part->function = Function::kTail;
    } else if (const std::optional<int64_t> wildcard = placeholder(token)) {
        part->function = Function::kWildcard;
        part->tokens.push_back(
            static_cast<uint32_t>(std::clamp<int64_t>(*wildcard, 0, INT32_MAX)));
    } else if (is_function(token)) {
        return parse_function(token, part, error);
    }
    return true;
}

std::optional<SubjectTransform> SubjectTransform::create(std::string_view source,
                                                         std::string_view target, Use use,
                                                         std::string* error) {
    if (source.size() > kSubjectSizeMax || target.size() > kSubjectSizeMax) {
        *error = kTooLong;
        return std::nullopt;
    }
    const PatternShape from = shape_of(source);
    const PatternShape to = shape_of(target);
    if (!from.valid || !to.valid || !to.wildcards.empty() || from.has_tail != to.has_tail) {
        *error = kBadSubject;
        return std::nullopt;
    }
    SubjectTransform transform;
    transform.source_ = source;
    transform.target_ = target;
    transform.source_tokens_ = static_cast<uint32_t>(from.tokens.size());
    const bool is_fixed = from.wildcards.empty() && !from.has_tail;
    size_t functions = 0;
    bool varies = false;  // a function other than wildcard()
    for (const std::string_view token : to.tokens) {
        Part part;
        if (!parse_part(token, &part, error)) return std::nullopt;
        if (is_fixed && part.function == Function::kPartition) part.tokens.clear();  // by all of it
        if (is_fixed && use == Use::kMapping && !part.tokens.empty()) {
            *error = failure("wildcard index out of range", token);
            return std::nullopt;
        }
        // The older ones are taken as 2.9.10 takes them.
        if (!is_fixed && use == Use::kImport && part.function >= Function::kLeft) {
            *error = failure(kOnlyWildcard, token);
            return std::nullopt;
        }
        for (uint32_t& wildcard : part.tokens) {
            if (is_fixed) break;
            if (wildcard > from.wildcards.size()) {
                *error = failure("wildcard index out of range",
                                 fmt::format("{}: [{}]", token, wildcard));
                return std::nullopt;
            }
            // Nought names the first token, as in the reference.
            wildcard = wildcard == 0 ? 0 : from.wildcards[wildcard - 1];
        }
        functions += part.tokens.empty() ? 0 : 1;
        varies |= part.function > Function::kWildcard;
        transform.parts_.push_back(std::move(part));
    }
    if (is_fixed && (use == Use::kImport || !varies)) transform.parts_.clear();  // the target as it is
    if (use == Use::kImport && functions < from.wildcards.size()) {
        *error = failure("not using all of the token wildcard(s)", target);
        return std::nullopt;
    }
    return transform;
}

void SubjectTransform::append(const Part& part, std::string_view value, std::string* out) const {
    const size_t number = part.number;
    const bool fits = number > 0 && number < value.size();
    switch (part.function) {
        case Function::kSplitFromLeft:
        case Function::kSplitFromRight: {
            if (!fits) break;
            const bool left = part.function == Function::kSplitFromLeft;
            const size_t at = left ? number : value.size() - number;
            *out += value.substr(0, at);
            *out += kTokenSeparator;
            *out += value.substr(at);
            return;
        }
        case Function::kSliceFromLeft:
            if (fits) return append_sliced(value, 0, number, out);
            break;
        case Function::kSliceFromRight:
            if (fits) return append_sliced(value, value.size() % number, number, out);
            break;
        case Function::kSplit: return append_split(value, part.text, out);
        case Function::kLeft:
            if (fits) value = value.substr(0, number);
            break;
        case Function::kRight:
            if (fits) value = value.substr(value.size() - number);
            break;
        case Function::kText:
        case Function::kTail:
        case Function::kWildcard:
        case Function::kPartition:
        case Function::kRandom: break;
    }
    *out += value;
}

bool SubjectTransform::is_random() const {
    return std::any_of(parts_.begin(), parts_.end(),
                       [](const Part& part) { return part.function == Function::kRandom; });
}

bool SubjectTransform::apply(std::string_view subject, std::string* out, uint64_t random) const {
    out->clear();
    if (parts_.empty()) {
        *out = target_;
        return true;
    }
    TokenArray tokens;
    for (const std::string_view token : SubjectTokens(subject)) tokens.push_back(token);
    for (const Part& part : parts_) {
        if (&part != &parts_.front()) *out += kTokenSeparator;
        if (part.function == Function::kText) {
            *out += part.text;
        } else if (part.function == Function::kTail) {
            for (size_t i = source_tokens_ - 1; i < tokens.size(); ++i) {
                if (i + 1 != source_tokens_) *out += kTokenSeparator;
                *out += tokens[i];
            }
        } else if (part.function == Function::kPartition) {
            Fnv32 hash;
            if (part.tokens.empty()) hash.add(subject);
            for (const uint32_t token : part.tokens) hash.add(tokens[token]);
            fmt::format_to(std::back_inserter(*out), "{}", remainder(hash.sum, part.number));
        } else if (part.function == Function::kRandom) {
            const auto drawn = static_cast<uint32_t>(random >> 33);  // 31 bits, as there
            fmt::format_to(std::back_inserter(*out), "{}", remainder(drawn, part.number));
            random = random * kRandomStep + 1;
        } else {
            append(part, tokens[part.tokens.front()], out);
        }
        if (out->size() > kSubjectSizeMax) return false;
    }
    return true;
}

std::optional<SubjectTransform> SubjectTransform::reversed() const {
    std::string error;
    if (parts_.empty()) return create(target_, source_, Use::kImport, &error);
    std::string back_source;
    std::vector<uint32_t> origins;  // of each `*` there: a token of the source
    for (const Part& part : parts_) {
        if (!back_source.empty()) back_source += kTokenSeparator;
        if (part.function == Function::kWildcard) {
            back_source += kAnyToken;
            origins.push_back(part.tokens.front());
        } else if (part.function == Function::kText || part.function == Function::kTail) {
            back_source += part.text;
        } else {
            return std::nullopt;
        }
    }
    std::string back_target;
    uint32_t place = 0;
    for (const std::string_view token : SubjectTokens(source_)) {
        if (place != 0) back_target += kTokenSeparator;
        if (token == kAnyToken) {
            const auto found = std::find(origins.begin(), origins.end(), place);
            if (found == origins.end()) return std::nullopt;
            back_target += fmt::format("${}", found - origins.begin() + 1);
        } else {
            back_target += token;
        }
        ++place;
    }
    return create(back_source, back_target, Use::kImport, &error);
}

bool check_mapping_target(std::string_view target, std::string* error) {
    bool has_tail = false;
    for (const std::string_view token : SubjectTokens(target)) {
        if (token.empty() || has_tail) return refuse(error, failure("invalid subject", token));
        if (is_function(token)) {
            const bool known = function_of(parse_call(token)) != kFunctionNames.size();
            if (!known) return refuse(error, failure("unknown function", token));
        } else if (token.find_first_of("\t\n\f\r ") != std::string_view::npos) {
            return refuse(error, fmt::format("{}: invalid subject", kBadTarget));
        }
        has_tail = token == kAnyTail;
    }
    return true;
}

std::string number_wildcards(std::string_view pattern) {
    std::string out;
    int count = 0;
    for (auto token = SubjectTokens::Iterator(pattern); !token.done(); ++token) {
        if (*token == kAnyToken) {
            out += fmt::format("${}", ++count);
        } else {
            out += *token;
        }
        if (!token.is_last()) out += kTokenSeparator;
    }
    return out;
}

std::string pattern_of_target(std::string_view target) {
    std::string out;
    for (auto token = SubjectTokens::Iterator(target); !token.done(); ++token) {
        const bool stands_for_one = placeholder(*token).has_value() || is_function(*token);
        out += stands_for_one ? kAnyToken : *token;
        if (!token.is_last()) out += kTokenSeparator;
    }
    return out;
}

}  // namespace nuring::proto
