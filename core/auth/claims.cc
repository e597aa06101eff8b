// SPDX-License-Identifier: Apache-2.0
#include "core/auth/claims.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "core/auth/jwt.h"
#include "core/base/status.h"
#include "fmt/format.h"
#include "proto/json_object.h"

namespace nuring::auth {
namespace {

using proto::JsonObject;
using proto::JsonValue;

constexpr std::string_view kStream = "stream";
constexpr std::string_view kService = "service";

// A decoded token whose fields are being read.
class Document {
  public:
    absl::Status open(std::string_view token, ClaimsKind kind, std::string_view kind_name) {
        auto jwt = kind == ClaimsKind::kGeneric ? decode_generic_jwt(token) : decode_jwt(token);
        if (!jwt.ok()) return jwt.status();
        if (jwt->kind != kind) {
            return absl::InvalidArgumentError(fmt::format("not {} claim", kind_name));
        }
        version_ = jwt->version;
        // Parsed before, so it is an object; a failure is one of memory.
        object_ = proto::parse_json_object(jwt->claims, &parser_, &error_);
        return object_.has_value() ? absl::OkStatus() : status();
    }

    bool is_v1() const { return version_ == 1; }
    const JsonObject& top() const { return *object_; }
    JsonObject nats() const { return top().below("nats"); }
    // The object that holds the fields which version 2 moved into "nats".
    JsonObject moved() const { return is_v1() ? top() : nats(); }

    void read(ClaimsHead* head) {
        const JsonObject& fields = top();
        head->version = version_;
        fields.take("iss", &head->issuer);
        fields.take("sub", &head->subject);
        fields.take("name", &head->name);
        fields.take("aud", &head->audience);
        fields.take("iat", &head->issued_at);
        fields.take("exp", &head->expires);
        fields.take("nbf", &head->not_before);
        moved().take("tags", &head->tags);
    }
    absl::Status status() const {
        return error_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(error_);
    }

  private:
    proto::JsonParser parser_;
    std::optional<JsonObject> object_;
    int version_ = 1;
    std::string error_;
};

template <class Claims>
absl::StatusOr<Claims> finished(const Document& document, Claims claims) {
    if (auto status = document.status(); !status.ok()) return status;
    return claims;
}

void read(const JsonObject& fields, config::SubjectPermissions* permissions) {
    fields.take("allow", &permissions->allow);
    fields.take("deny", &permissions->deny);
}

// 0 stands for the default. Source: validateResponsePermissions in server/auth.go 2.9.10.
void read(const JsonObject& fields, config::Permissions* permissions) {
    read(fields.below("pub"), &permissions->publish);
    read(fields.below("sub"), &permissions->subscribe);
    if (!fields.has("resp")) return;
    config::ResponsePermissions responses;
    int64_t max = 0;
    int64_t expires_ns = 0;
    const JsonObject given = fields.below("resp");
    given.take("max", &max);
    given.take("ttl", &expires_ns);
    if (max != 0) responses.max_messages = max;
    if (expires_ns != 0) responses.expires = config::nanoseconds(expires_ns);
    permissions->responses = responses;
}

void read(const JsonObject& fields, NatsLimits* limits) {
    fields.take("subs", &limits->subscriptions);
    fields.take("data", &limits->data_bytes);
    fields.take("payload", &limits->payload);
}

// A list, or (version 1) one text with commas.
void read_sources(const JsonObject& fields, std::vector<std::string>* sources) {
    std::string no_text;
    std::string list;
    fields.with_error(&no_text).take("src", &list);
    if (!no_text.empty()) return fields.take("src", sources);
    for (const auto& part : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
        sources->push_back(absl::AsciiStrToLower(absl::StripAsciiWhitespace(part)));
    }
}

void read(const JsonObject& fields, UserRights* rights) {
    read(fields, &rights->permissions);
    read(fields, &rights->limits);
    read_sources(fields, &rights->sources);
    fields.each("times", [&](JsonValue value) {
        const auto range = value.object();
        if (!range.has_value()) return fields.refuse("json: bad times");
        TimeRange& added = rights->times.emplace_back();
        range->take("start", &added.start);
        range->take("end", &added.end);
    });
    fields.take("times_location", &rights->times_location);
    fields.take("bearer_token", &rights->bearer_token);
    fields.take("allowed_connection_types", &rights->connection_types);
    fields.take("proxy_required", &rights->proxy_required);
}

void read_signing_keys(const JsonObject& fields, std::vector<SigningKey>* keys) {
    fields.each("signing_keys", [&](JsonValue value) {
        std::string key;
        if (value.take(&key)) {
            keys->push_back({.key = std::move(key), .scope = std::nullopt});
            return;
        }
        const auto scope = value.object();
        if (!scope.has_value()) return fields.refuse("json: bad signing key");
        std::string kind;
        scope->take("kind", &kind);
        if (kind != "user_scope") {
            return fields.refuse(fmt::format("unknown signing key scope \"{}\"", kind));
        }
        SigningKey& added = keys->emplace_back();
        scope->take("key", &added.key);
        added.scope.emplace();
        added.scope->limits = {config::kUnlimited, config::kUnlimited, config::kUnlimited};
        read(scope->below("template"), &*added.scope);
    });
}

void read_kind(const JsonObject& fields, config::ExchangeKind* kind, std::string* unknown) {
    std::string name;
    fields.take("type", &name);
    if (name == kService) {
        *kind = config::ExchangeKind::kService;
    } else if (name == kStream) {
        *kind = config::ExchangeKind::kStream;
    } else {
        *unknown = name.empty() ? "unknown" : name;
    }
}

// "sampling" is a percentage, or "headers".
void read(const JsonObject& fields, config::LatencyOptions* out) {
    int64_t percent = 0;
    std::string word;
    std::string is_number;
    fields.with_error(&is_number).take("sampling", &word);
    if (word != "headers") fields.take("sampling", &percent);
    out->sampling = static_cast<int>(std::clamp<int64_t>(percent, -1, 101));  // beyond: refused later
    fields.take("results", &out->subject);
}

void read(const JsonObject& fields, ExportClaim* claim) {
    config::AccountExport& out = claim->exported;
    std::string response;
    int64_t threshold_ns = 0;
    read_kind(fields, &out.kind, &claim->unknown_type);
    fields.take("subject", &out.subject);
    fields.take("token_req", &out.token_required);
    fields.take("response_type", &response);
    fields.take("response_threshold", &threshold_ns);
    if (fields.has("service_latency")) read(fields.below("service_latency"), &out.latency.emplace());
    fields.take("account_token_position", &out.account_token_position);
    fields.take("revocations", &claim->revocations);
    out.response_threshold = config::nanoseconds(threshold_ns);
    out.is_public = !out.token_required;
    if (response == "Stream") {
        out.response_type = config::ResponseType::kStream;
    } else if (response == "Chunked") {
        out.response_type = config::ResponseType::kChunked;
    } else if (!response.empty() && response != "Singleton") {
        claim->unknown_type = response;
    }
    // As the reference does, which says so in its debug log: only single answers are measured.
    const bool one_answer = out.response_type == config::ResponseType::kSingleton;
    if (!one_answer && out.kind == config::ExchangeKind::kService) out.latency.reset();
}

// In claims the subject is the publisher's: the exporter's of a stream, the importer's of a service.
// In the configuration it is always the exporter's.
void read(const JsonObject& fields, ImportClaim* claim) {
    config::AccountImport& out = claim->imported;
    read_kind(fields, &out.kind, &claim->unknown_type);
    fields.take("account", &out.account);
    fields.take("subject", &claim->subject);
    fields.take("to", &claim->to);
    fields.take("local_subject", &claim->local_subject);
    fields.take("token", &claim->token);
    fields.take("share", &out.share);
    out.subject = claim->subject;
    if (!claim->local_subject.empty()) {
        out.to = claim->local_subject;
    } else if (out.kind == config::ExchangeKind::kStream) {
        out.prefix = claim->to;
    } else if (!claim->to.empty()) {
        out.subject = claim->to;
        out.to = claim->subject;
    }
}

void read(const JsonObject& fields, AccountLimitClaims* limits) {
    read(fields, &limits->nats);
    fields.take("imports", &limits->imports);
    fields.take("exports", &limits->exports);
    fields.take("wildcards", &limits->wildcard_exports);
    fields.take("disallow_bearer", &limits->disallow_bearer);
    fields.take("conn", &limits->connections);
    fields.take("leaf", &limits->leafnodes);
}

void read_mappings(const JsonObject& fields, std::vector<config::SubjectMapping>* mappings) {
    fields.each_below("mappings", [&](std::string_view source, JsonValue value) {
        config::SubjectMapping& mapping = mappings->emplace_back();
        mapping.source = std::string(source);
        const bool is_list = value.each([&](JsonValue each) {
            const auto target = each.object();
            if (!target.has_value()) return fields.refuse("json: bad mapping");
            int64_t weight = 0;
            config::MappingTarget& added = mapping.targets.emplace_back();
            target->take("subject", &added.subject);
            target->take("weight", &weight);
            target->take("cluster", &added.cluster);
            if (weight < 0 || weight > 255) return fields.refuse("json: bad mapping");
            if (weight != 0) added.weight = static_cast<int>(weight);
        });
        if (!is_list) fields.refuse("json: bad mapping");
    });
}

// Reads each object of an array into an element of `out`.
template <class Element>
void read_each(const JsonObject& fields, std::string_view key, std::vector<Element>* out) {
    fields.each(key, [&](JsonValue value) {
        const auto object = value.object();
        if (!object.has_value()) return fields.refuse(fmt::format("null {} is not allowed", key));
        read(*object, &out->emplace_back());
    });
}

}  // namespace

bool is_revoked(const Revocations& revocations, const std::string& key, int64_t issued_at) {
    const auto covers = [&](const std::string& name) {
        const auto found = revocations.find(name);
        return found != revocations.end() && found->second >= issued_at;
    };
    return covers(key) || covers("*");
}

const SigningKey* AccountClaims::find_signing_key(std::string_view key) const {
    const auto found = std::find_if(signing_keys.begin(), signing_keys.end(),
                                    [key](const SigningKey& each) { return each.key == key; });
    return found == signing_keys.end() ? nullptr : &*found;
}

absl::StatusOr<OperatorClaims> decode_operator(std::string_view token) {
    Document document;
    if (auto status = document.open(token, ClaimsKind::kOperator, "operator"); !status.ok()) {
        return status;
    }
    OperatorClaims claims;
    document.read(&claims.head);
    const JsonObject nats = document.nats();
    nats.take("signing_keys", &claims.signing_keys);
    nats.take("account_server_url", &claims.account_server_url);
    nats.take("system_account", &claims.system_account);
    nats.take("assert_server_version", &claims.assert_server_version);
    nats.take("strict_signing_key_usage", &claims.strict_signing_key_usage);
    return finished(document, std::move(claims));
}

absl::StatusOr<AccountClaims> decode_account(std::string_view token) {
    Document document;
    if (auto status = document.open(token, ClaimsKind::kAccount, "account"); !status.ok()) {
        return status;
    }
    AccountClaims claims;
    document.read(&claims.head);
    const JsonObject nats = document.nats();
    read_each(nats, "imports", &claims.imports);
    read_each(nats, "exports", &claims.exports);
    read(nats.below("limits"), &claims.limits);
    read_signing_keys(nats, &claims.signing_keys);
    nats.take("revocations", &claims.revocations);
    read(nats.below("default_permissions"), &claims.default_permissions);
    read_mappings(nats, &claims.mappings);
    std::vector<std::string> callout_users;
    nats.below("authorization").take("auth_users", &callout_users);
    claims.has_auth_callout = !callout_users.empty();
    return finished(document, std::move(claims));
}

absl::StatusOr<UserClaims> decode_user(std::string_view token) {
    Document document;
    if (auto status = document.open(token, ClaimsKind::kUser, "user"); !status.ok()) return status;
    UserClaims claims;
    document.read(&claims.head);
    if (document.is_v1()) {
        claims.rights.limits = {config::kUnlimited, config::kUnlimited, config::kUnlimited};
    }
    read(document.nats(), &claims.rights);
    document.moved().take("issuer_account", &claims.issuer_account);
    return finished(document, std::move(claims));
}

absl::StatusOr<ActivationClaims> decode_activation(std::string_view token) {
    Document document;
    if (auto status = document.open(token, ClaimsKind::kActivation, "activation"); !status.ok()) {
        return status;
    }
    ActivationClaims claims;
    document.read(&claims.head);
    const JsonObject nats = document.nats();
    nats.take("subject", &claims.subject);
    nats.take(document.is_v1() ? "type" : "kind", &claims.kind);
    document.moved().take("issuer_account", &claims.issuer_account);
    return finished(document, std::move(claims));
}

absl::StatusOr<DeletionClaims> decode_deletion(std::string_view token) {
    Document document;
    if (auto status = document.open(token, ClaimsKind::kGeneric, "generic"); !status.ok()) {
        return status;
    }
    DeletionClaims claims;
    document.read(&claims.head);
    std::string error;
    const JsonObject nats = document.nats().with_error(&error);
    nats.take("accounts", &claims.accounts);
    claims.has_accounts = nats.has("accounts") && error.empty();
    return finished(document, std::move(claims));
}

}  // namespace nuring::auth
