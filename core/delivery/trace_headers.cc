// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/trace_headers.h"

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "proto/headers.h"

namespace nuring::delivery {
namespace {

constexpr char kJaeger[] = "Uber-Trace-Id";
constexpr std::string_view kJaegerBaggage = "Uberctx-";
constexpr char kB3[] = "B3";
constexpr char kB3Sampled[] = "X-B3-Sampled";
constexpr char kB3Trace[] = "X-B3-Traceid";
constexpr char kB3Parent[] = "X-B3-Parentspanid";
constexpr char kB3Span[] = "X-B3-Spanid";
constexpr char kW3c[] = "Traceparent";
constexpr char kW3cState[] = "Tracestate";

// Upper case at the start and after each hyphen.
std::string canonical_name(std::string_view name) {
    std::string out(name);
    bool first = true;
    for (char& c : out) {
        c = first ? absl::ascii_toupper(static_cast<unsigned char>(c))
                  : absl::ascii_tolower(static_cast<unsigned char>(c));
        first = c == '-';
    }
    return out;
}

TraceHeaders read_all(std::string_view block) {
    TraceHeaders all;
    proto::HeaderReader reader(block);
    for (proto::HeaderField field; reader.next(&field);) {
        all[canonical_name(field.name)].emplace_back(field.value);
    }
    return all;
}

const std::string* first(const TraceHeaders& all, const char* name) {
    const auto at = all.find(name);
    return at == all.end() ? nullptr : &at->second.front();
}

void take(const TraceHeaders& all, std::initializer_list<const char*> names, TraceHeaders* found) {
    for (const char* name : names) {
        if (const auto at = all.find(name); at != all.end()) found->insert(*at);
    }
}

// The flags in hexadecimal, of one or two digits: the lowest bit says "sampled".
bool has_sampled_bit(std::string_view flags) {
    for (const char c : flags) {
        if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
    }
    const char last = absl::ascii_tolower(static_cast<unsigned char>(flags.back()));
    return ((last <= '9' ? last - '0' : last - 'a' + 10) & 1) != 0;
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

bool jaeger_asks(std::string_view value) {  // 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1
    const std::vector<std::string_view> parts = parts_of(value, ':');
    return parts.size() == 4 && !parts[3].empty() && parts[3].size() <= 2 &&
           has_sampled_bit(parts[3]);
}

bool b3_asks(std::string_view value) {  // 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1, or 0
    const std::vector<std::string_view> parts = parts_of(value, '-');
    return parts.size() > 2 ? parts[2] != "0" : parts.size() != 1 || parts[0] != "0";
}

bool w3c_asks(std::string_view value) {  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    const std::vector<std::string_view> parts = parts_of(value, '-');
    // 8 bits with a sign there: flags from 80 on ask for nothing.
    return parts.size() == 4 && parts[3].size() == 2 && parts[3][0] >= '0' && parts[3][0] <= '7' &&
           has_sampled_bit(parts[3]);
}

}  // namespace

bool is_traced(std::string_view headers, TraceHeaders* found) {
    const TraceHeaders all = read_all(headers);
    if (const std::string* id = first(all, kJaeger)) {
        if (!jaeger_asks(*id)) return false;
        take(all, {kJaeger}, found);
        for (const auto& [name, values] : all) {
            if (name.starts_with(kJaegerBaggage)) found->emplace(name, values);
        }
        return true;
    }
    const std::string* sampled = first(all, kB3Sampled);
    if (sampled != nullptr && *sampled == "0") return false;
    if ((sampled != nullptr && *sampled == "1") || first(all, kB3Trace) != nullptr) {
        take(all, {kB3Sampled, kB3Trace, kB3Parent, kB3Span}, found);
        return true;
    }
    if (const std::string* b3 = first(all, kB3)) {
        if (!b3_asks(*b3)) return false;
        take(all, {kB3}, found);
        return true;
    }
    const std::string* w3c = first(all, kW3c);
    if (w3c == nullptr || !w3c_asks(*w3c)) return false;
    take(all, {kW3c, kW3cState}, found);
    return true;
}

}  // namespace nuring::delivery
