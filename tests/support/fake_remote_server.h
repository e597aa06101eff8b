// SPDX-License-Identifier: Apache-2.0
// A link to another server that speaks no protocol.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/delivery/deliver.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/server_link_snapshot.h"
#include "fmt/format.h"

namespace nuring::test {

// A link to another server that writes down what it would send: "subject payload [queues]" for each message,
// "pattern queue count" for each announcement.
class FakeRemoteServer final : public delivery::RemoteServer {
  public:
    FakeRemoteServer(delivery::Delivery& delivery, int fd, proto::Kind kind)
        : RemoteServer(delivery, fd, kind), kind_(kind) {
        start();
        delivery.servers.add(*this);
    }
    void deliver_to_server(account::Account& /*account*/, const delivery::MessageRun& run,
                           std::string_view queues) override {
        for (uint32_t i = 0; i < run.count; ++i) {
            messages.push_back(fmt::format(
                "{} {} [{}]", run.subject,
                std::string_view(run.payload() + i * run.stride, run.total_size), queues));
        }
        last_reply = run.reply;
        last_reply_origin = run.reply_origin.prefix();
        last_header_size = run.header_size;
        last_origin_cluster = 0;
    }
    void deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                              std::string_view queues, uint32_t origin_cluster) override {
        deliver_to_server(account, run, queues);
        last_origin_cluster = origin_cluster;
    }
    void announce(account::Account& account, std::string_view pattern,
                  std::string_view queue) override {
        told.push_back(fmt::format("{} {} {}", pattern, queue,
                                   account.sublist().own_interest(host_.id, pattern, queue)));
    }
    void copy(uint64_t /*wall_ns*/, size_t /*subscriptions*/,
              delivery::ServerLinkSnapshot* /*out*/) const override {}
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}
    account::Account* counted_account() const override { return counted_; }
    void close_if_excess() override {
        if (counted_->excess_connections() > 0) close(link::CloseReason::kMaxAccountConnectionsExceeded);
    }

    // From now on it counts among the connections of that account, as a leafnode does.
    void count_for(account::Account& account) {
        account.add_leafnodes(1);
        counted_ = &account;
    }
    // What that server has told: a subscription of this link.
    void subscribe(std::string_view pattern, std::string_view queue = {}, uint32_t weight = 1,
                   uint32_t origin_cluster = 0) {
        interest::Subscription* subscription =
            delivery_.subscriptions.create({.link = handle(),
                                            .owner = static_cast<delivery::Subscriber*>(this),
                                            .subject = pattern,
                                            .queue = queue,
                                            .weight = weight,
                                            .origin_cluster = origin_cluster,
                                            .kind = kind_});
        delivery_.accounts.global().sublist().insert(subscription);
        subscriptions_.push_back(subscription);
    }
    // A message from that server, with a reply subject. False: nobody took it.
    bool send(std::string_view subject, std::string_view body, std::string_view queues,
              uint32_t origin_cluster = 0, const proto::ReplyOrigin& reply_origin = {}) {
        std::string frame;
        delivery::MessageRun run = delivery::frame_message(
            {.subject = subject, .reply = "r", .headers = {}, .body = body}, &frame);
        run.reply_origin = reply_origin;
        account::Account& account = delivery_.accounts.global();
        const interest::MatchEntry& entry = delivery_.cache.find(account.sublist(), subject);
        const interest::MatchPin pin(entry);
        return deliver_run(
            delivery_,
            {.link = handle(), .kind = kind_, .queues = queues, .origin_cluster = origin_cluster}, account,
            entry, run);
    }

    std::string last_reply;
    std::string last_reply_origin;
    uint32_t last_header_size = 0;
    uint32_t last_origin_cluster = 0;
    std::vector<std::string> messages;
    std::vector<std::string> told;

  private:
    size_t consume(const char* begin, const char* end) override {
        return static_cast<size_t>(end - begin);
    }
    void on_close() override {
        delivery_.servers.remove(*this);
        if (counted_ != nullptr) counted_->add_leafnodes(-1);
        for (interest::Subscription* each : subscriptions_) {
            delivery_.subscriptions.retire(each);
            delivery_.accounts.global().sublist().remove(each);
        }
    }

    const proto::Kind kind_;
    account::Account* counted_ = nullptr;
    std::vector<interest::Subscription*> subscriptions_;
};

}  // namespace nuring::test
