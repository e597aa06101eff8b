// SPDX-License-Identifier: Apache-2.0
// The `accounts` block: users, exports, imports, mappings, limits.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/config/check_accounts.h"
#include "core/config/duration.h"
#include "core/config/exports.h"
#include "core/config/names.h"
#include "core/config/reader.h"
#include "core/config/text.h"
#include "proto/limits.h"
#include "proto/subject.h"

namespace nuring::config {
namespace {

constexpr std::string_view kGlobalAccount = "$G";
constexpr UnknownKey kInLimits = {"Unknown field \"", "\" parsing account limits", true};
constexpr UnknownKey kInDestination = {"Unknown field \"", "\" for mapping destination", false};

std::string_view read_kind_name(ExchangeKind kind) {
    return kind == ExchangeKind::kStream ? "stream" : "service";
}

// ---------------------------------------------------------------------------- exports

struct ExportEntry {
    AccountExport out;
    bool has_kind = false;
    const Value* response = nullptr;  // a key that only services have
    const Value* latency = nullptr;
};

void read_export_subject(Reader& reader, const Member& member, ExchangeKind kind,
                         ExportEntry* entry) {
    if (entry->has_kind && entry->out.kind != kind) {
        const std::string_view other = read_kind_name(entry->out.kind);
        return reader.error(member.value,
                            fmt::format("Detected {} \"{}\" but already saw a {}", read_kind_name(kind),
                                        member.value.go_text(), other));
    }
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value, fmt::format("Expected {} name to be string, got {}",
                                                      read_kind_name(kind), member.value.go_type()));
    }
    entry->has_kind = true;
    entry->out.kind = kind;
    entry->out.subject = member.value.text;
}

void read_response_type(Reader& reader, const Member& member, ExportEntry* entry) {
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value, fmt::format("Expected response type to be string, got {}",
                                                      member.value.go_type()));
    }
    const std::string type = to_lower(member.value.text);
    entry->response = &member.value;
    if (type == "single" || type == "singleton") {
        entry->out.response_type = ResponseType::kSingleton;
    } else if (type == "stream") {
        entry->out.response_type = ResponseType::kStream;
    } else if (type == "chunk" || type == "chunked") {
        entry->out.response_type = ResponseType::kChunked;
    } else {
        reader.error(member.value, fmt::format("Unknown response type: \"{}\"", member.value.text));
    }
}

void read_response_threshold(Reader& reader, const Member& member, ExportEntry* entry) {
    constexpr std::string_view kExpected =
        "Expected response threshold to be a parseable time duration, got ";
    entry->response = &member.value;
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value, fmt::format("{}{}", kExpected, member.value.go_type()));
    }
    const auto parsed = parse_duration(member.value.text);
    if (!parsed.ok()) {
        return reader.error(member.value, fmt::format("{}\"{}\"", kExpected, member.value.text));
    }
    entry->out.response_threshold = *parsed;
}

constexpr Row<ExportEntry> kExportRows[] = {
    {"stream", [](Reader& r, const Member& m,
                  ExportEntry* e) { read_export_subject(r, m, ExchangeKind::kStream, e); }},
    {"service", [](Reader& r, const Member& m,
                   ExportEntry* e) { read_export_subject(r, m, ExchangeKind::kService, e); }},
    {"accounts",
     [](Reader& r, const Member& m, ExportEntry* e) {
         if (!r.array(m.value) || !r.texts(m.value, &e->out.accounts)) return;
         e->out.is_public = false;  // an empty list is for nobody, not for all
     }},
    {"response_type response", read_response_type},
    {"response_threshold threshold response_max_time response_time", read_response_threshold},
    {"latency",
     [](Reader& r, const Member& m, ExportEntry* e) {
         e->latency = &m.value;
         read_latency(r, m.value, &e->out.latency);
     }},
    {"account_token_position",
     [](Reader& r, const Member& m, ExportEntry* e) {
         int64_t& position = e->out.account_token_position;
         if (r.integer(m.value, &position) && position < 0) {
             r.error(m.value, "account_token_position can not be negative");
         }
     }},
    {"allow_trace",
     [](Reader& r, const Member& m, ExportEntry*) {
         bool allow = false;
         if (r.boolean(m.value, &allow) && allow) r.note(m.value, Part::kExportTrace);
     }},
};

void read_exports(Reader& reader, const Value& value, AccountOptions* account) {
    if (value.type != ValueType::kArray) {
        return reader.error(value,
                            fmt::format("Exports should be an array, got {}", value.go_type()));
    }
    for (const Value& element : value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element,
                         fmt::format("Export Items should be a map with type entry, got {}",
                                     element.go_type()));
            continue;
        }
        ExportEntry entry;
        read_block(reader, element, kExportRows, &entry);
        if (!entry.has_kind) continue;
        const bool stream = entry.out.kind == ExchangeKind::kStream;
        if (stream && entry.response != nullptr) {
            reader.error(*entry.response, "Detected response directive on non-service");
        }
        if (stream && entry.latency != nullptr) {
            reader.error(*entry.latency, "Detected latency directive on non-service");
        }
        if (!proto::is_valid_subject(entry.out.subject)) {
            reader.error(element,
                         fmt::format("Error adding {} export \"{}\": sublist: invalid subject",
                                     read_kind_name(entry.out.kind), entry.out.subject));
        }
        account->exports.push_back(std::move(entry.out));
    }
}

// ---------------------------------------------------------------------------- imports

struct Source {
    std::string account;
    std::string subject;
};

constexpr Row<Source> kSourceRows[] = {
    {"account", [](Reader& r, const Member& m, Source* out) { r.text(m.value, &out->account); }},
    {"subject", [](Reader& r, const Member& m, Source* out) { r.text(m.value, &out->subject); }},
};

struct ImportEntry {
    AccountImport out;
    bool has_kind = false;
};

void read_import_source(Reader& reader, const Member& member, ExchangeKind kind,
                        ImportEntry* entry) {
    if (entry->has_kind && entry->out.kind != kind) {
        return reader.error(member.value, fmt::format("Detected {} but already saw a {}",
                                                      read_kind_name(kind), read_kind_name(entry->out.kind)));
    }
    if (member.value.type != ValueType::kMap) {
        const std::string_view name = kind == ExchangeKind::kStream ? "Stream" : "Service";
        return reader.error(member.value, fmt::format("{} entry should be an account map, got {}",
                                                      name, member.value.go_type()));
    }
    Source source;
    read_block(reader, member.value, kSourceRows, &source);
    if (source.account.empty() || source.subject.empty()) {
        return reader.error(member.value, "Expect an account name and a subject");
    }
    entry->has_kind = true;
    entry->out.kind = kind;
    entry->out.account = source.account;
    entry->out.subject = source.subject;
}

constexpr Row<ImportEntry> kImportRows[] = {
    {"stream", [](Reader& r, const Member& m,
                  ImportEntry* e) { read_import_source(r, m, ExchangeKind::kStream, e); }},
    {"service", [](Reader& r, const Member& m,
                   ImportEntry* e) { read_import_source(r, m, ExchangeKind::kService, e); }},
    {"prefix", [](Reader& r, const Member& m, ImportEntry* e) { r.text(m.value, &e->out.prefix); }},
    {"to", [](Reader& r, const Member& m, ImportEntry* e) { r.text(m.value, &e->out.to); }},
    {"share",
     [](Reader& r, const Member& m, ImportEntry* e) { r.boolean(m.value, &e->out.share); }},
    {"allow_trace",
     [](Reader& r, const Member& m, ImportEntry*) {
         bool allow = false;
         if (r.boolean(m.value, &allow) && allow) r.note(m.value, Part::kExportTrace);
     }},
};

// Two services under one name are ambiguous.
void check_local_name(Reader& reader, const Value& at, const AccountImport& wanted,
                      const AccountOptions& account) {
    if (wanted.kind != ExchangeKind::kService) return;
    const std::string name = local_name(wanted);
    for (const AccountImport& other : account.imports) {
        if (other.kind != wanted.kind || local_name(other) != name) continue;
        if (other.account != wanted.account) continue;  // these share the requests (2.11.2)
        return reader.error(
            at, fmt::format("Duplicate service import subject \"{}\", previously used in import for "
                            "account \"{}\", subject \"{}\"",
                            name, other.account, other.subject));
    }
}

void read_imports(Reader& reader, const Value& value, AccountOptions* account) {
    if (value.type != ValueType::kArray) {
        return reader.error(value,
                            fmt::format("Imports should be an array, got {}", value.go_type()));
    }
    for (const Value& element : value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element,
                         fmt::format("Import Items should be a map with type entry, got {}",
                                     element.go_type()));
            continue;
        }
        ImportEntry entry;
        read_block(reader, element, kImportRows, &entry);
        if (!entry.has_kind) continue;
        check_local_name(reader, element, entry.out, *account);
        account->imports.push_back(std::move(entry.out));
    }
}

// ---------------------------------------------------------------------------- mappings, limits

struct Destination {
    MappingTarget out;
    bool has_weight = false;
    bool bad = false;
};

// 0 to 100, with or without a percent sign.
void read_weight(Reader& reader, const Member& member, Destination* destination) {
    const Value& value = member.value;
    std::string_view digits = value.text;
    if (value.type == ValueType::kString && digits.ends_with('%')) digits.remove_suffix(1);
    const bool readable = value.type == ValueType::kString || value.type == ValueType::kInteger;
    const std::optional<int64_t> weight =
        value.type == ValueType::kInteger ? std::optional(value.integer) : to_integer(digits);
    destination->bad = true;
    if (!readable) {
        return reader.error(value,
                            fmt::format("Unknown entry type for weight of {}", value.go_text()));
    }
    if (!weight || *weight < 0 || *weight > 100) {
        return reader.error(value, fmt::format("Invalid weight {} for mapping destination",
                                               weight ? fmt::format("{}", *weight)
                                                      : fmt::format("\"{}\"", digits)));
    }
    destination->bad = false;
    destination->has_weight = true;
    destination->out.weight = static_cast<int>(*weight);
}

constexpr Row<Destination> kDestinationRows[] = {
    {"destination dest",
     [](Reader& r, const Member& m, Destination* d) { r.text(m.value, &d->out.subject); }},
    {"weight", read_weight},
    {"cluster",
     [](Reader& r, const Member& m, Destination* d) { r.text(m.value, &d->out.cluster); }},
};

void read_destination(Reader& reader, const Value& value, std::vector<MappingTarget>* out) {
    if (value.type == ValueType::kString) {
        out->push_back({value.text, 100, ""});
        return;
    }
    if (value.type != ValueType::kMap) {
        return reader.error(value, "Expected an entry for the mapping destination");
    }
    Destination destination;
    read_block(reader, value, kDestinationRows, &destination, kInDestination);
    if (destination.bad) return;
    if (!destination.has_weight) {
        return reader.error(value, fmt::format("Missing weight for mapping destination \"{}\"",
                                               destination.out.subject));
    }
    out->push_back(std::move(destination.out));
}

void read_limit(Reader& reader, const Value& value, int64_t* limit) {
    reader.integer(value, limit);
    *limit = account_limit(*limit);
}

constexpr Row<AccountLimits> kLimitRows[] = {
    {"max_connections max_conn",
     [](Reader& r, const Member& m, AccountLimits* out) { read_limit(r, m.value, &out->connections); }},
    {"max_subscriptions max_subs",
     [](Reader& r, const Member& m, AccountLimits* out) { read_limit(r, m.value, &out->subscriptions); }},
    {"max_payload max_pay",
     [](Reader& r, const Member& m, AccountLimits* out) { read_limit(r, m.value, &out->payload); }},
    {"max_leafnodes max_leafs",
     [](Reader& r, const Member& m, AccountLimits* out) { read_limit(r, m.value, &out->leafnodes); }},
};

void read_limits(Reader& reader, const Value& value, AccountLimits* out) {
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("Expected account limits to be a map/struct, got {}",
                                               value.go_text()));
    }
    read_block(reader, value, kLimitRows, out, kInLimits);
}

// ---------------------------------------------------------------------------- one account

struct AccountEntry {
    AccountOptions out;
    std::vector<User> users;
    std::vector<NkeyUser> nkeys;
    const Value* users_at = nullptr;
};

// A flag, a word, or a block of limits, which enables it, too.
bool enables_jetstream(const Value& value) {
    if (value.type == ValueType::kMap) return true;
    if (value.type == ValueType::kBool) return value.boolean;
    const std::string word = to_lower(value.text);
    return word == "enabled" || word == "enable" || word == "true";
}

constexpr Row<AccountEntry> kAccountRows[] = {
    {"nkey",
     [](Reader& r, const Member& m, AccountEntry* a) {
         if (m.value.type != ValueType::kString ||
             !is_public_key(m.value.text, KeyKind::kAccount)) {
             return r.error(m.value, fmt::format("Not a valid public nkey for an account: \"{}\"",
                                                 m.value.go_text()));
         }
         a->out.nkey = m.value.text;
     }},
    {"users",
     [](Reader& r, const Member& m, AccountEntry* a) {
         if (read_users(r, m.value, &a->users, &a->nkeys)) a->users_at = &m.value;
     }},
    {"exports",
     [](Reader& r, const Member& m, AccountEntry* a) {
         r.note(m.value, Part::kExports);
         read_exports(r, m.value, &a->out);
     }},
    {"imports",
     [](Reader& r, const Member& m, AccountEntry* a) {
         r.note(m.value, Part::kImports);
         read_imports(r, m.value, &a->out);
     }},
    {"default_permissions",
     [](Reader& r, const Member& m, AccountEntry* a) {
         Permissions permissions;
         if (read_permissions(r, m.value, &permissions)) a->out.default_permissions = permissions;
     }},
    {"mappings maps", [](Reader& r, const Member& m,
                         AccountEntry* a) { read_mappings(r, m.value, &a->out.mappings); }},
    {"limits",
     [](Reader& r, const Member& m, AccountEntry* a) {
         r.note(m.value, Part::kAccountLimits);
         read_limits(r, m.value, &a->out.limits);
     }},
    {"jetstream",
     [](Reader& r, const Member& m, AccountEntry* a) {
         read_account_jetstream(r, m.value);
         a->out.jetstream = enables_jetstream(m.value);
     }},
    {"msg_trace trace_dest",
     [](Reader& r, const Member& m, AccountEntry*) { read_message_trace(r, m); }},
};

bool usable_name(Reader& reader, const Value& at, const std::string& name) {
    if (name.size() > proto::kNameSizeMax) {
        reader.error(at, fmt::format("account name of {} bytes is too long, at most {} are allowed",
                                     name.size(), proto::kNameSizeMax));
        return false;
    }
    if (name != kGlobalAccount) return true;
    reader.error(at, fmt::format("\"{}\" is a Reserved Account", name));
    return false;
}

void read_account(Reader& reader, const Member& member) {
    if (member.value.type != ValueType::kMap) {
        return reader.error(member.value, "Expected map entries for accounts");
    }
    if (!usable_name(reader, member.value, member.key)) return;
    AccountEntry entry;
    entry.out.name = member.key;
    entry.out.position = member.value.position();
    read_block(reader, member.value, kAccountRows, &entry);
    apply_default_permissions(entry.out.default_permissions, &entry.users, &entry.nkeys);

    AuthorizationOptions& authorization = reader.options()->authorization;
    for (User& user : entry.users) {
        if (!reader.first_use(user.name)) {
            reader.error(*entry.users_at, fmt::format("Duplicate user \"{}\" detected", user.name));
        }
        user.account = member.key;
        authorization.users.push_back(std::move(user));
    }
    for (NkeyUser& user : entry.nkeys) {
        if (!reader.first_use(user.nkey)) {
            reader.error(*entry.users_at, fmt::format("Duplicate nkey \"{}\" detected", user.nkey));
        }
        user.account = member.key;
        authorization.nkeys.push_back(std::move(user));
    }
    reader.options()->accounts.push_back(std::move(entry.out));
}

void read_account_names(Reader& reader, const Value& value) {
    absl::flat_hash_set<std::string> seen;
    for (const Value& element : value.elements) {
        AccountOptions account;
        if (!reader.text(element, &account.name)) continue;
        if (!usable_name(reader, element, account.name)) continue;
        if (!seen.insert(account.name).second) {
            reader.error(element, fmt::format("Duplicate Account Entry: {}", account.name));
            continue;
        }
        account.position = element.position();
        reader.options()->accounts.push_back(std::move(account));
    }
}

}  // namespace

void read_mappings(Reader& reader, const Value& value, std::vector<SubjectMapping>* out) {
    if (!reader.map(value)) return;
    for (const Member& member : value.members) {
        SubjectMapping mapping;
        mapping.source = member.key;
        if (member.value.type == ValueType::kArray) {
            for (const Value& element : member.value.elements) {
                read_destination(reader, element, &mapping.targets);
            }
        } else {
            read_destination(reader, member.value, &mapping.targets);
        }
        if (const std::string fault = check_mapping(mapping); !fault.empty()) {
            reader.error(member.value, fault);
            continue;
        }
        out->push_back(std::move(mapping));
    }
}

void read_accounts(Reader& reader, const Value& value) {
    if (value.type == ValueType::kArray) {
        read_account_names(reader, value);
    } else if (reader.map(value)) {
        for (const Member& member : value.members) {
            if (!member.value.used_as_variable) read_account(reader, member);
        }
    }
    if (reader.has_errors()) return;  // else there would be errors about errors
    for (const std::string& fault : check_exchanges(reader.options()->accounts)) {
        reader.error(value, fault);
    }
}

}  // namespace nuring::config
