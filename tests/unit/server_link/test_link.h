// SPDX-License-Identifier: Apache-2.0
// A ServerLink of no particular kind on a stage of two workers, with the test as the other server.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/account/subject_map.h"
#include "core/server_link/server_link.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::server_link {

inline constexpr uint64_t kSecond_ns = 1'000'000'000;

inline constexpr LinkTraits kTraits{.kind = proto::Kind::kRoute,
                                    .dialect = proto::RouteDialect::kRoute,
                                    .type = "Router",
                                    .noun = "Route",
                                    .channel = "route"};
inline constexpr LinkTraits kGateway{.kind = proto::Kind::kGateway,
                                     .dialect = proto::RouteDialect::kRoute,
                                     .type = "Gateway",
                                     .noun = "Gateway",
                                     .channel = "gateway",
                                     .passes_answers = true};
inline constexpr LinkTraits kLeafnode{.kind = proto::Kind::kLeafnode,
                                      .dialect = proto::RouteDialect::kRoute,
                                      .type = "Leafnode",
                                      .noun = "Leafnode",
                                      .channel = "leafnode",
                                      .passes_answers = true,
                                      .leads_answers_on = true};

// What a kind may decide, and what it was told. Outlives the link.
struct Kind {
    const LinkTraits* traits = &kTraits;
    std::optional<LinkTarget> target;
    ChannelSetup channel;
    const account::SubjectMap* mappings = nullptr;
    std::function<void(ServerLink&, std::string_view json)> on_connect = [](auto&, auto) {};
    int kept = 0;               // patterns that a sweep looked at
    std::string not_exported;   // a pattern
    std::string not_imported;   // a pattern
    std::string may_not_leave;  // a subject
    int channels_ready = 0;
    int logged_in = 0;
    int synced = 0;
    int more_syncs = 0;  // to begin, each at the end of another
    int sync_depth = 0;
    int sync_depth_max = 0;
    bool ended = false;
};

class TestLink final : public ServerLink {
  public:
    TestLink(delivery::Delivery& delivery, int fd, Kind& rules)
        : ServerLink(delivery, fd, *rules.traits, rules.target), rules_(rules) {
        open_channel(rules.channel);
    }
    using ServerLink::adapt_level;
    using ServerLink::apply_compression;
    using ServerLink::await_login;
    using ServerLink::begin_compression;
    using ServerLink::begin_sync;
    using ServerLink::close_after;
    using ServerLink::compression;
    using ServerLink::decide;
    using ServerLink::login;
    using ServerLink::send_message;
    using ServerLink::serve;
    using ServerLink::set_compression;
    using ServerLink::set_takes_headers;
    using ServerLink::set_verbose;
    using ServerLink::skip_login;
    using ServerLink::paused;
    using ServerLink::sweep_interest;

  private:
    void on_channel_ready() override { ++rules_.channels_ready; }
    void on_connect(std::string_view json) override { rules_.on_connect(*this, json); }
    void on_info(const proto::ServerInfo& /*info*/) override {}
    void on_logged_in(std::shared_ptr<const auth::Identity> /*identity*/) override { ++rules_.logged_in; }
    void on_synced() override {
        ++rules_.synced;
        rules_.sync_depth_max = std::max(rules_.sync_depth_max, ++rules_.sync_depth);
        if (rules_.more_syncs-- > 0) begin_sync();
        --rules_.sync_depth;
    }
    void on_ended() override { rules_.ended = true; }
    void announce_lame_duck() override {}
    bool keeps_interest(account::Account& /*account*/, interest::Subscription& /*subscription*/) override {
        ++rules_.kept;
        return true;
    }
    bool may_export(account::Account& /*account*/, std::string_view pattern) override {
        return pattern != rules_.not_exported;
    }
    bool may_import(account::Account& /*account*/, std::string_view pattern) override {
        return pattern != rules_.not_imported;
    }
    bool may_leave(account::Account& /*account*/, std::string_view subject) override {
        return subject != rules_.may_not_leave;
    }
    const account::SubjectMap* mappings_of(const account::Account& /*account*/) const override {
        return rules_.mappings;
    }

    Kind& rules_;
};

class ServerLinkTest : public testing::Test {
  protected:
    // An accepted link that has not logged in; the peer is the other server.
    test::SimPeer& accept(uint32_t worker = 0) {
        return stage.accept_as(worker, [this](server::WorkerState& state, int fd) {
            link = new TestLink(state.delivery, fd, rules);
            handle = link->handle();
        });
    }
    // A registered one.
    test::SimPeer& serve(uint32_t worker = 0, const LinkTraits& traits = kTraits) {
        rules.traits = &traits;
        test::SimPeer& peer = accept(worker);
        on_link([](TestLink& each) {
            each.skip_login();
            each.serve("REMOTE", "remote");
        });
        return peer;
    }
    // Runs it in the next turn of the link's worker.
    void on_link(std::function<void(TestLink&)> function) {
        stage.on_worker(index_of(handle.worker()), [this, function](server::WorkerState& state) {
            if (state.host.table.find(handle) != nullptr) function(*link);
        });
        stage.settle();
    }
    // A client of worker 1 wants as many subjects, whose names are short.
    void subscribe_to(uint32_t count) {
        std::string storm;
        for (uint32_t i = 0; i < count; ++i) storm += fmt::format("SUB {:x} {}\r\n", i, i);
        stage.client(1).say(storm);
        stage.settle();
    }
    // What comes until the sync is done, and a little longer.
    std::string hear_sync(test::SimPeer& peer) {
        std::string heard;
        for (int i = 0; i < 500 && rules.synced == 0; ++i) {
            heard += peer.hear();
            stage.pass(1'000'000);
        }
        return heard + peer.hear();
    }
    bool is_open() { return !rules.ended; }
    interest::Sublist& sublist() { return stage.accounts.global().sublist(); }
    uint64_t slow_consumers() {
        return stage.state(0).host.counters().faults[proto::index_of(kTraits.kind)].slow_consumers_pending;
    }
    // What comes in the next seconds, answered by PONG to each PING.
    std::string answer_pings(test::SimPeer& peer, int seconds) {
        std::string heard;
        for (int i = 0; i < seconds; ++i) {
            stage.pass(kSecond_ns);
            const std::string more = peer.hear();
            for (size_t pings = test::count_of(more, "PING\r\n"); pings > 0; --pings) peer.say("PONG\r\n");
            heard += more;
        }
        return heard;
    }
    static std::shared_ptr<config::Options> options() {
        auto options = test::test_options();
        options->max_pending = kPendingMax;
        return options;
    }

    static constexpr uint32_t kPendingMax = 1024 * 1024;

    Kind rules;  // outlives the link
    test::WorkerStage stage{2, options()};
    TestLink* link = nullptr;
    base::LinkHandle handle;
};

}  // namespace nuring::server_link
