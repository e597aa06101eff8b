// SPDX-License-Identifier: Apache-2.0
#include "core/auth/operators.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/auth/claims_check.h"
#include "core/auth/jwt.h"
#include "core/base/status.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

// All encoded tokens begin so: the base64 of `{"`.
constexpr std::string_view kTokenPrefix = "eyJ";

absl::Status refuse_operator(const std::string& why) {
    return absl::InvalidArgumentError(why);
}

using Version = std::array<int, 3>;

std::optional<Version> parse_version(std::string_view text) {
    Version version{};
    const char* at = text.begin();
    for (size_t i = 0; i < version.size(); ++i) {
        const auto [end, error] = std::from_chars(at, text.end(), version[i]);
        if (error != std::errc() || version[i] < 0) return std::nullopt;
        at = end;
        if (i + 1 == version.size()) break;
        if (at == text.end() || *at++ != '.') return std::nullopt;
    }
    return at == text.end() ? std::optional(version) : std::nullopt;
}

// The system account on which the operators and the configuration agree.
absl::Status settle_system_account(const std::vector<OperatorClaims>& operators,
                                   config::Options* options) {
    const bool is_directory = options->trust.resolver == config::ResolverKind::kFullDirectory ||
                              options->trust.resolver == config::ResolverKind::kCacheDirectory;
    if (operators.empty()) return absl::OkStatus();
    if (options->system_account.empty()) {
        options->system_account = operators[0].system_account;
        if (!options->system_account.empty() || !is_directory) return absl::OkStatus();
        return refuse_operator(
            "using nats based account resolver - the system account needs to be specified in "
            "configuration or the operator jwt");
    }
    const auto names = [&](const OperatorClaims& claims) {
        return claims.system_account == options->system_account;
    };
    const auto silent = [](const OperatorClaims& claims) { return claims.system_account.empty(); };
    if (std::any_of(operators.begin(), operators.end(), names) ||
        std::all_of(operators.begin(), operators.end(), silent)) {
        return absl::OkStatus();
    }
    return refuse_operator("system_account in config and operator JWT must be identical");
}

}  // namespace

absl::StatusOr<std::vector<OperatorClaims>> read_operators(const config::OperatorOptions& options,
                                                           const config::Sources& sources) {
    std::vector<OperatorClaims> operators;
    for (const std::string& file : options.files) {
        std::string text = file;
        if (!file.starts_with(kTokenPrefix)) {
            auto contents = sources.read_file(file);
            if (!contents.ok()) return contents.status();
            text = *std::move(contents);
        }
        auto claims = decode_operator(undecorate_jwt(text));
        if (!claims.ok()) return claims.status();
        // An expired token is no error; the start prints that it has expired (as in the reference).
        const Faults faults = faults_of(*claims, claims->head.not_before);
        const bool only_expired = faults.empty() || faults == Faults{"claim is expired"};
        if (!only_expired) return refuse_operator(faults.front());
        operators.push_back(*std::move(claims));
    }
    return operators;
}

absl::Status check_server_version(const OperatorClaims& claims, std::string_view version) {
    const std::string& wanted_text = claims.assert_server_version;
    if (wanted_text.empty()) return absl::OkStatus();
    const auto own = parse_version(version);
    const auto wanted = parse_version(wanted_text);
    if (!wanted || !own) {
        return refuse_operator(
            fmt::format("operator {} expects version {} got error instead: asserted server "
                        "version must be of the form <major>.<minor>.<update>",
                        claims.head.subject, wanted_text));
    }
    constexpr std::array kParts = {"major", "minor", "update"};
    for (size_t i = 0; i < own->size(); ++i) {
        if ((*wanted)[i] < (*own)[i]) return absl::OkStatus();
        if ((*wanted)[i] == (*own)[i]) continue;
        return refuse_operator(fmt::format("operator {} expected {} version {} > server {} version {}",
                                  claims.head.subject, kParts[i], (*wanted)[i], kParts[i],
                                  (*own)[i]));
    }
    return absl::OkStatus();
}

void complete_operators(const config::Sources& sources, config::Options* options,
                        config::Diagnostics* diagnostics) {
    if (options->trust.files.empty()) return;
    const auto operators = read_operators(options->trust, sources);
    if (!operators.ok()) {
        return diagnostics->error(
            options->trust.position,
            fmt::format("error parsing operator JWT: {}", base::message_of(operators.status())));
    }
    const std::string url = operators->empty() ? "" : operators->front().account_server_url;
    if (options->trust.resolver == config::ResolverKind::kNone && !url.empty()) {
        options->trust.resolver = config::ResolverKind::kUrl;
        options->trust.resolver_url = url + (url.ends_with('/') ? "accounts/" : "/accounts/");
    }
    if (const auto status = settle_system_account(*operators, options); !status.ok()) {
        diagnostics->error(options->trust.position, base::message_of(status));
    }
    auto& pinned = options->trust.pinned_accounts;
    const bool names_some = !pinned.empty() && !pinned.front().empty();
    if (names_some && !options->system_account.empty()) {
        pinned.push_back(options->system_account);  // always admitted
    }
}

}  // namespace nuring::auth
