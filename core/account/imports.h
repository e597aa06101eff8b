// SPDX-License-Identifier: Apache-2.0
// The imports of an account from another one, ready for use. Immutable; shared by all that were made from
// one description, so that a reload knows the unchanged by their address.
// Source: server/accounts.go 2.9.10 (streamImport, serviceImport); reversed transforms as in
//         proto/subject_transform.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/options.h"
#include "core/interest/subscription.h"
#include "proto/subject_transform.h"

namespace nuring::account {

class Account;

// How a stream import shows in the exporter's account for one subscription of the importer's.
struct ShadowPattern {
    std::string pattern;
    // The import's function cannot be led back, so the pattern there lets through more than was
    // subscribed to here: each message is to be compared.
    bool is_wider = false;
};

// StreamImport lets subscriptions here receive what is published in another account.
// Threads: immutable. Errors: create() returns null, to_local() false.
class StreamImport {
  public:
    // Null if a name is no pattern, as in claims, or its transform cannot be made (config/check_accounts.h
    // says so before).
    static std::shared_ptr<const StreamImport> create(const config::AccountImport& options,
                                                      Account& exporter);

    Account& exporter() const { return exporter_; }
    const config::AccountImport& options() const { return options_; }

    // The pattern there that a subscription to `pattern` here means; nothing if the two have no subject in
    // common. Patterns that overlap partly meet in the narrower one, token by token.
    std::optional<ShadowPattern> shadow(std::string_view pattern) const;

    // The local subject of a message there. False: not of this import, or too long; nobody gets it.
    [[nodiscard]] bool to_local(std::string_view subject, std::string* out) const;

  private:
    StreamImport(const config::AccountImport& options, Account& exporter);

    const config::AccountImport options_;
    Account& exporter_;
    std::string local_;  // pattern
    // From there to here and back; none: the subject is the same on both sides.
    std::optional<proto::SubjectTransform> transform_;
    std::optional<proto::SubjectTransform> back_;
};

// How long an answer of that service may take.
uint64_t response_threshold_ns(const config::AccountExport& exported);

// ServiceImport sends what is published here on into another account. It stands in the importer's
// account as a subscription of kind kAccount to its local name.
// Threads: immutable. Errors: create() returns null, to_remote() false.
class ServiceImport {
  public:
    // Null: as that of StreamImport.
    static std::shared_ptr<const ServiceImport> create(const config::AccountImport& options,
                                                       const config::AccountExport& exported,
                                                       Account& exporter);

    Account& exporter() const { return exporter_; }
    const config::AccountImport& options() const { return options_; }
    const config::AccountExport& exported() const { return exported_; }
    uint64_t response_threshold_ns() const { return response_threshold_ns_; }
    interest::Subscription* subscription() const { return subscription_.get(); }

    // The exporter's subject of a request. False: too long, nobody gets it.
    [[nodiscard]] bool to_remote(std::string_view subject, std::string* out) const;

    // The import of a `subscription` of kind kAccount; null: replies to requests that came in here.
    static const ServiceImport* of(const interest::Subscription& subscription) {
        return static_cast<const ServiceImport*>(subscription.owner);
    }

  private:
    ServiceImport(const config::AccountImport& options, const config::AccountExport& exported,
                  Account& exporter);

    const config::AccountImport options_;
    const config::AccountExport exported_;
    Account& exporter_;
    uint64_t response_threshold_ns_;
    std::string fixed_;                                 // empty: see transform_
    std::optional<proto::SubjectTransform> transform_;  // none: the same subject
    bool is_jetstream_api_ = false;                     // see proto/jetstream.h
    interest::SubscriptionPtr subscription_;
};

}  // namespace nuring::account
