// SPDX-License-Identifier: Apache-2.0
// Operator mode: operator, trusted, resolver, resolver_preload.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/config/duration.h"
#include "core/config/names.h"
#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

// The url of `URL(<url>)`, with or without quotes around it; nothing if the text is no such thing.
std::optional<std::string> resolver_url(std::string_view text) {
    const std::string folded = to_lower(text);
    const size_t word = folded.find("url");
    if (word == std::string::npos) return std::nullopt;
    std::string_view rest = strip(text.substr(word + 3));
    if (!rest.starts_with('(')) return std::nullopt;
    const size_t close = rest.rfind(')');
    if (close == std::string_view::npos) return std::nullopt;
    rest = strip(rest.substr(1, close - 1));
    if (rest.starts_with('"')) rest.remove_prefix(1);
    if (rest.ends_with('"')) rest.remove_suffix(1);
    return std::string(strip(rest));
}

struct DirectoryResolver {
    std::string type;
    AccountDirectoryOptions directory;
    bool allow_delete = false;
    bool hard_delete = false;
    std::chrono::nanoseconds ttl{0};
    std::chrono::nanoseconds interval{0};
};

// `interval` and `timeout` are for what servers ask each other, so they wait for routes.
constexpr Row<DirectoryResolver> kDirectoryRows[] = {
    {"type", [](Reader& r, const Member& m, DirectoryResolver* d) { r.text(m.value, &d->type); }},
    {"dir",
     [](Reader& r, const Member& m, DirectoryResolver* d) { r.text(m.value, &d->directory.path); }},
    {"allow_delete",
     [](Reader& r, const Member& m, DirectoryResolver* d) { r.boolean(m.value, &d->allow_delete); }},
    {"hard_delete",
     [](Reader& r, const Member& m, DirectoryResolver* d) { r.boolean(m.value, &d->hard_delete); }},
    {"limit",
     [](Reader& r, const Member& m, DirectoryResolver* d) {
         r.integer(m.value, &d->directory.limit);
     }},
    {"ttl",
     [](Reader& r, const Member& m, DirectoryResolver* d) { r.duration(m.value, m.key, &d->ttl); }},
    {"interval",
     [](Reader& r, const Member& m, DirectoryResolver* d) {
         if (r.duration(m.value, m.key, &d->interval)) r.note(m.value, Part::kResolverInterval);
     }},
    {"timeout",
     [](Reader& r, const Member& m, DirectoryResolver*) {
         std::chrono::nanoseconds time{0};
         if (!r.duration(m.value, m.key, &time)) return;
         r.note(m.value, Part::kResolverTimeout);
         if (time > time.zero()) return;
         r.error(m.value, fmt::format("Fetch timeout {} is too small", format_duration(time)));
     }},
};

// Source: server/opts.go 2.9.10 and 2.15.2 (hard_delete).
void check_directory_resolver(Reader& reader, const Value& value, const DirectoryResolver& resolver) {
    const auto refuse = [&](bool bad, std::string_view text) {
        if (bad) reader.error(value, text);
    };
    if (to_lower(resolver.type) == "cache") {
        refuse(resolver.interval != resolver.interval.zero(), "CACHE does not accept sync");
        refuse(resolver.allow_delete, "CACHE does not accept allow_delete");
        refuse(resolver.hard_delete, "CACHE does not accept hard_delete");
    } else {
        refuse(resolver.ttl != resolver.ttl.zero(), "FULL does not accept ttl");
        refuse(resolver.hard_delete && !resolver.allow_delete,
               "hard_delete has no effect without delete");
    }
}

AccountDirectoryOptions directory_options(const DirectoryResolver& resolver, bool is_cache) {
    AccountDirectoryOptions directory = resolver.directory;
    directory.limit = std::max<int64_t>(directory.limit, 0);
    directory.ttl = std::chrono::ceil<std::chrono::seconds>(resolver.ttl);
    // A cache may forget any time, so a request to do so needs no leave.
    if (is_cache || resolver.hard_delete) {
        directory.deletion = AccountDeletion::kRemoved;
    } else if (resolver.allow_delete) {
        directory.deletion = AccountDeletion::kRenamed;
    }
    return directory;
}

void read_directory_resolver(Reader& reader, const Value& value) {
    DirectoryResolver resolver;
    read_block(reader, value, kDirectoryRows, &resolver);
    const std::string type = to_lower(resolver.type);
    if (resolver.directory.path.empty()) {
        return reader.error(value, "dir has no value and needs to point to a directory");
    }
    if (type != "full" && type != "cache") {
        return reader.error(value,
                            "error parsing account resolver, should be MEM or  URL(\"url\") or a "
                            "map containing dir and type state=[FULL|CACHE])");
    }
    check_directory_resolver(reader, value, resolver);
    OperatorOptions& trust = reader.options()->trust;
    trust.resolver = type == "full" ? ResolverKind::kFullDirectory : ResolverKind::kCacheDirectory;
    trust.directory = directory_options(resolver, type == "cache");
}

}  // namespace

void read_operator_files(Reader& reader, const Value& value) {
    OperatorOptions& trust = reader.options()->trust;
    trust.position = value.position();
    trust.files.clear();
    if (value.type == ValueType::kString) {
        trust.files.push_back(value.text);
        return;
    }
    if (value.type != ValueType::kArray) {
        return reader.error(
            value, fmt::format("error parsing operators: unsupported type {}", value.go_type()));
    }
    reader.texts(value, &trust.files);
}

void read_trusted_key(Reader& reader, const Value& key) {
    if (!is_public_key(key.text, KeyKind::kOperator)) {
        return reader.error(
            key,
            fmt::format("trust key \"{}\" required to be a valid public operator nkey", key.text));
    }
    reader.options()->trust.trusted_keys.push_back(key.text);
}

void read_trusted_keys(Reader& reader, const Value& value) {
    reader.options()->trust.trusted_keys.clear();
    if (value.type == ValueType::kString) return read_trusted_key(reader, value);
    if (value.type != ValueType::kArray) {
        return reader.error(
            value, fmt::format("error parsing trusted: unsupported type {}", value.go_type()));
    }
    for (const Value& element : value.elements) {
        if (element.type == ValueType::kString) {
            read_trusted_key(reader, element);
        } else {
            reader.error(element, fmt::format("error parsing trusted: unsupported type in array {}",
                                              element.go_type()));
        }
    }
}

void read_resolver(Reader& reader, const Value& value) {
    OperatorOptions& trust = reader.options()->trust;
    if (value.type == ValueType::kMap) return read_directory_resolver(reader, value);
    if (value.type != ValueType::kString) {
        return reader.error(
            value, fmt::format("error parsing operator resolver, wrong type {}", value.go_type()));
    }
    // The address first: one like http://members/ must not count as "mem".
    const std::optional<std::string> address = resolver_url(value.text);
    if (!address && to_lower(value.text).find("mem") != std::string::npos) {
        trust.resolver = ResolverKind::kMemory;
        return;
    }
    if (!address) {
        return reader.error(value, "error parsing account resolver, should be MEM or URL(\"url\")");
    }
    if (const auto parsed = parse_url(*address); !parsed.ok() || parsed->host.empty()) {
        return reader.error(value,
                            fmt::format("error parsing account resolver url [\"{}\"]",
                                        redacted_address(*address)));
    }
    trust.resolver = ResolverKind::kUrl;
    trust.resolver_url = *address;
}

void read_resolver_preload(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(value, "preload should be a map of key:jwt");
    }
    OperatorOptions& trust = reader.options()->trust;
    trust.preload.clear();
    for (const Member& member : value.members) {
        if (member.value.type != ValueType::kString) {
            reader.error(member.value, "preload map value should be a string jwt");
            continue;
        }
        trust.preload[member.key] = member.value.text;
    }
}

void read_pinned_accounts(Reader& reader, const Value& value) {
    OperatorOptions& trust = reader.options()->trust;
    trust.pinned_accounts.clear();
    if (!reader.texts(value, &trust.pinned_accounts)) return;
    std::vector<std::string>& pinned = trust.pinned_accounts;
    for (const std::string& key : pinned) {
        if (is_public_key(key, KeyKind::kAccount)) continue;
        reader.error(value,
                     fmt::format("pinned account key \"{}\" is not a valid public account nkey", key));
    }
    if (pinned.empty()) pinned.emplace_back();  // an empty list admits nobody: no account has this name
}

}  // namespace nuring::config
