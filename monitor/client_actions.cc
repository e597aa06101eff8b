// SPDX-License-Identifier: Apache-2.0
#include "monitor/client_actions.h"

#include <memory>
#include <string>

#include "core/client/client.h"
#include "core/link/link_host.h"
#include "core/observe/survey.h"
#include "proto/kind_facts.h"

namespace nuring::monitor {
namespace {

enum class Action : uint8_t { kKick, kAnnounceLameDuck };
enum class Outcome : uint8_t { kNotFound, kDone, kNotReady };

// Looks for the connection of that id on one worker, and does something with it.
class ConnectionAction final : public observe::Survey {
  public:
    ConnectionAction(uint64_t cid, Action action) : cid_(cid), action_(action) {}

    bool step(const observe::WorkerView& worker) override {
        const link::LinkTable& table = worker.host.table;
        for (size_t seen = 0; seen < kSliceLinks && position_ < table.slot_count(); ++seen) {
            link::Link* link = table.at(position_++);
            if (link == nullptr || !link->open() || link->cid() != cid_) continue;
            outcome_ = act_on(*link);
            return true;
        }
        return position_ >= table.slot_count();
    }
    Outcome outcome() const { return outcome_; }

  private:
    // Only a client gets the INFO of a lame duck; leafnodes can be closed, too.
    Outcome act_on(link::Link& link) {
        const bool is_client = proto::facts_of(link.kind()).is_client;
        switch (action_) {
            case Action::kKick: {
                const bool is_leaf = proto::facts_of(link.kind()).is_leafnode;
                if (!is_client && !is_leaf) return Outcome::kNotFound;
                link.close(link::CloseReason::kKicked);
                return Outcome::kDone;
            }
            case Action::kAnnounceLameDuck:
                if (!is_client) return Outcome::kNotFound;
                if (!static_cast<client::Client&>(link).takes_info()) return Outcome::kNotReady;
                link.announce_lame_duck();
                return Outcome::kDone;
        }
        return Outcome::kNotFound;
    }

    const uint64_t cid_;
    const Action action_;
    size_t position_ = 0;
    Outcome outcome_ = Outcome::kNotFound;
};

absl::Status act(const Sources& sources, const Query& query, Action action) {
    const auto cid = query.number("cid");
    if (!cid.ok()) return cid.status();
    const auto surveys = sources.runner.run<ConnectionAction>(
        [&] { return std::make_shared<ConnectionAction>(*cid, action); });
    if (surveys.empty()) return absl::UnavailableError("server is not running");
    for (const auto& survey : surveys) {
        if (survey->outcome() == Outcome::kDone) return absl::OkStatus();
        if (survey->outcome() == Outcome::kNotReady) {
            return absl::FailedPreconditionError(
                "client does not support Lame Duck Mode or is not ready to receive the notification");
        }
    }
    return absl::NotFoundError(action == Action::kKick ? "no such client or leafnode id"
                                                       : "no such client id");
}

}  // namespace

absl::Status kick_connection(const Sources& sources, const Query& query, HttpAnswer* /*answer*/) {
    return act(sources, query, Action::kKick);
}

absl::Status announce_lame_duck(const Sources& sources, const Query& query, HttpAnswer* /*answer*/) {
    return act(sources, query, Action::kAnnounceLameDuck);
}

absl::Status reload_server(const Sources& sources, const Query& /*query*/, HttpAnswer* /*answer*/) {
    const std::string error = sources.reload ? sources.reload() : "reload is not possible here";
    return error.empty() ? absl::OkStatus() : absl::InternalError(error);
}

}  // namespace nuring::monitor
