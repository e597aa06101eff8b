// SPDX-License-Identifier: Apache-2.0
#include "proto/connect.h"

#include <cstring>

#include "proto/json_document.h"
#include "proto/json_text.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kStructName = "clientOpts";
constexpr size_t kOffsetsSize = kConnectTextCount * sizeof(uint32_t);

// Order of ConnectText.
constexpr std::string_view kTextKeys[] = {"auth_token", "user", "pass", "nkey",   "sig",
                                          "jwt",        "name", "lang", "version"};
static_assert(std::size(kTextKeys) == kConnectTextCount);

struct FlagKey {
    std::string_view key;
    bool ConnectOptions::*field;
};
constexpr FlagKey kFlagKeys[] = {
    {"verbose", &ConnectOptions::verbose}, {"pedantic", &ConnectOptions::pedantic},
    {"echo", &ConnectOptions::echo},       {"tls_required", &ConnectOptions::tls_required},
    {"headers", &ConnectOptions::headers}, {"no_responders", &ConnectOptions::no_responders},
};

// The values read so far; committed only when all of them are good.
struct Draft {
    ConnectOptions options;  // without texts
    ConnectTexts::Views texts;
};

// Empty if the key is unknown or the value fits, else the error.
std::string take_field(std::string_view key, const simdjson::dom::element& value, Draft* draft) {
    for (size_t i = 0; i < kConnectTextCount; ++i) {
        if (!equal_keys(key, kTextKeys[i])) continue;
        if (take_json(value, &draft->texts[i])) return {};
        return json_type_error(value, {kStructName, kTextKeys[i], "string"});
    }
    for (const FlagKey& flag : kFlagKeys) {
        if (!equal_keys(key, flag.key)) continue;
        if (take_json(value, &(draft->options.*flag.field))) return {};
        return json_type_error(value, {kStructName, flag.key, "bool"});
    }
    if (equal_keys(key, "protocol")) {
        if (take_json(value, &draft->options.protocol)) return {};
        return json_type_error(value, {kStructName, "protocol", "int"});
    }
    for (const std::string_view name : {"import", "export"}) {  // of routes, but typed for all
        if (!equal_keys(key, name)) continue;
        const bool fits = value.is_object() || is_null_json(value);
        return fits ? "" : json_type_error(value, {kStructName, name, "server.SubjectPermission"});
    }
    if (equal_keys(key, "account")) {
        std::string_view account;
        if (!take_json(value, &account)) {
            return json_type_error(value, {kStructName, "account", "string"});
        }
        draft->options.names_account |= !account.empty();
    } else if (equal_keys(key, "new_account")) {
        bool is_new = false;
        if (!take_json(value, &is_new)) {
            return json_type_error(value, {kStructName, "new_account", "bool"});
        }
        draft->options.names_account |= is_new;
    }
    return {};
}

}  // namespace

std::string_view ConnectTexts::at(ConnectText field) const {
    if (block_ == nullptr) return {};
    const size_t index = static_cast<size_t>(field);
    uint32_t from = 0;
    uint32_t to = 0;
    if (index > 0) std::memcpy(&from, block_.get() + (index - 1) * sizeof from, sizeof from);
    std::memcpy(&to, block_.get() + index * sizeof to, sizeof to);
    return {block_.get() + kOffsetsSize + from, to - from};
}

ConnectTexts::Views ConnectTexts::views() const {
    Views views;
    for (size_t i = 0; i < kConnectTextCount; ++i) views[i] = at(static_cast<ConnectText>(i));
    return views;
}

void ConnectTexts::assign(const Views& views) {
    size_t size = 0;
    for (const std::string_view view : views) size += view.size();
    if (size == 0) {
        block_.reset();
        return;
    }
    auto block = std::make_unique<char[]>(kOffsetsSize + size);
    uint32_t end = 0;
    for (size_t i = 0; i < kConnectTextCount; ++i) {
        char* to = block.get() + kOffsetsSize + end;
        if (!views[i].empty()) std::memcpy(to, views[i].data(), views[i].size());
        end += static_cast<uint32_t>(views[i].size());
        std::memcpy(block.get() + i * sizeof end, &end, sizeof end);
    }
    block_ = std::move(block);
}

JsonStatus parse_connect(std::string_view json, JsonParser* parser, ConnectOptions* options,
                         std::string* error) {
    Draft draft;
    draft.texts = options->texts.views();
    for (const FlagKey& flag : kFlagKeys) draft.options.*flag.field = options->*flag.field;
    draft.options.protocol = options->protocol;
    draft.options.names_account = options->names_account;
    const JsonStatus status =
        read_json_object(json, parser, kStructName, error, [&draft](auto key, const auto& value) {
            return take_field(key, value, &draft);
        });
    if (status != JsonStatus::kOk) return status;
    for (const FlagKey& flag : kFlagKeys) options->*flag.field = draft.options.*flag.field;
    options->protocol = draft.options.protocol;
    options->names_account = draft.options.names_account;
    options->texts.assign(draft.texts);
    return JsonStatus::kOk;
}

}  // namespace nuring::proto
