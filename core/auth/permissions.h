// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/options.h"

namespace nuring::auth {

// The first word of an entry of a list, and all that stands behind it, which may name a queue.
std::pair<std::string_view, std::string_view> take_word(std::string_view text);

// Permissions says what a user may publish and subscribe to. Immutable, shared by all connections of
// the user; each connection keeps its last answers itself (permission_cache.h).
// Threads: any. Errors: none (patterns were checked when the configuration was read).
// Source: server/auth.go and client.go 2.9.10; unlike there, a subscription passes an allow list only
//         if all that it could receive is allowed (in the reference, allow "*" lets SUB > pass).
class Permissions {
  public:
    explicit Permissions(const config::Permissions& permissions);

    bool may_publish(std::string_view subject) const;
    bool may_subscribe(std::string_view pattern, std::string_view queue) const;
    // A pattern that is permitted may still match subjects that are denied: then each message is checked
    // with may_receive().
    bool must_filter(std::string_view pattern, std::string_view queue) const;
    bool may_receive(std::string_view subject, std::string_view queue) const;
    // Does may_receive() depend on the queue?
    bool denies_queues() const { return denies_queues_; }

    const std::optional<config::ResponsePermissions>& responses() const {
        return configured_.responses;
    }
    // As in the configuration or the token.
    const config::Permissions& configured() const { return configured_; }

  private:
    struct Entry {
        std::string pattern;
        std::string queue;  // empty: with any queue or none
    };
    static std::vector<Entry> entries(const std::vector<std::string>& texts);
    static bool concerns(const Entry& entry, std::string_view queue);
    bool may_join(std::string_view pattern, std::string_view queue) const;

    const config::Permissions configured_;
    std::vector<Entry> subscribe_allow_;
    std::vector<Entry> subscribe_deny_;
    bool denies_queues_ = false;
};

}  // namespace nuring::auth
