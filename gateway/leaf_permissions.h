// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.h"
#include "proto/info.h"

namespace nuring::gateway {

// LeafPermissions says what may pass a leafnode link, as seen from this end: messages that leave, messages
// that come in, and the interest in either.
//
//   hub:    of the user that the leafnode logged in as; what that user may subscribe to leaves here
//   spoke:  of the hub's second INFO and the remote's deny lists; `export` leaves here
//
// Patterns that only overlap with what is allowed are announced and admitted; then each message counts.
//
// Threads: one owner. Errors: none. Limits: a look-up walks the lists.
// Source:  server/leafnode.go 2.9.10, messages that come in as since 2.11.17 (leafMsgAllowed).
class LeafPermissions {
  public:
    // Everything may pass.
    LeafPermissions() = default;
    friend bool operator==(const LeafPermissions&, const LeafPermissions&) = default;
    // A user's, seen from the hub.
    static LeafPermissions of_user(const config::Permissions& permissions);
    // The lists of the hub's INFO, seen from the spoke. Absent: everything.
    static LeafPermissions of_hub(const std::optional<proto::SubjectPermission>& import_subjects,
                                  const std::optional<proto::SubjectPermission>& export_subjects);

    // allow_responses of the user: without a list of its own nothing but answers comes in.
    const std::optional<config::ResponsePermissions>& responses() const { return responses_; }

    void deny_outbound(const std::vector<std::string>& patterns);
    void deny_inbound(const std::vector<std::string>& patterns);
    // Interest in these is not announced, but messages may come in.
    void deny_announcing(const std::vector<std::string>& patterns);

    // Subjects without the prefix of a mapped reply.
    bool may_send(std::string_view subject) const { return passes(outbound_, subject); }
    // Some groups of the leafnode may not have all of these: may_serve() says which.
    bool denies_groups() const { return !group_denies_.empty(); }
    bool may_serve(std::string_view subject, std::string_view group) const;
    // Answers to services, and acknowledgements of JetStream, always come in: this server has asked for them.
    bool may_take(std::string_view subject) const;
    // Is this server's interest in the pattern announced?
    bool announces(std::string_view pattern) const;
    // May the other server announce that pattern? A wildcard always may: its messages are asked for.
    bool admits(std::string_view pattern) const;

  private:
    // An entry with a queue in a user's list: "orders.secret workers".
    struct GroupDeny {
        std::string pattern;
        std::string group;
        friend bool operator==(const GroupDeny&, const GroupDeny&) = default;
    };
    static bool passes(const config::SubjectPermissions& lists, std::string_view subject);

    config::SubjectPermissions outbound_;
    config::SubjectPermissions inbound_;
    std::vector<GroupDeny> group_denies_;  // of what leaves
    std::vector<std::string> unannounced_;
    std::optional<config::ResponsePermissions> responses_;
};

}  // namespace nuring::gateway
