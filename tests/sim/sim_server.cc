// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_server.h"

#include <algorithm>
#include <utility>

#include "cluster/cluster.h"
#include "core/log/sink.h"
#include "fmt/format.h"
#include "gateway/gateway.h"
#include "gateway/leaf_nodes.h"

namespace nuring::sim {

class SimServer::LogSink final : public log::Sink {
  public:
    explicit LogSink(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
    void write(const log::Line& line) override {
        if (on_line_) on_line_(line.text);
    }

  private:
    const std::function<void(std::string_view)>& on_line_;
};

SimServer::SimServer(SimNet& net, SimServerSetup setup)
    : net_(net), setup_(std::move(setup)), jobs_(net), asleep_until_ns_(setup_.worker_count, 0) {}

SimServer::~SimServer() = default;

std::string SimServer::start() {
    log::LoggerOptions log_options;
    log_options.writer_count = 1 + setup_.worker_count;
    log_options.ring_bytes = 256 * 1024;
    log_options.debug = true;
    logger_ = std::make_unique<log::Logger>(log_options);
    flusher_ = std::make_unique<log::Flusher>(*logger_, std::make_unique<LogSink>(setup_.on_log));

    server::ServerSetup setup;
    setup.options = setup_.options;
    setup.logger = logger_.get();
    setup.mailbox_bytes = setup_.mailbox_bytes;
    setup.jobs = &jobs_;
    setup.handshake_jobs = &jobs_;
    setup.lookup_jobs = &jobs_;
    for (uint32_t i = 0; i < setup_.worker_count; ++i) {
        rings_.push_back(
            std::make_unique<SimRing>(net_, setup_.ring, SimRing::Waiting::kInWorld, setup_.host));
        setup.rings.push_back(rings_.back().get());
    }
    server_ = std::make_unique<server::Server>(std::move(setup));
    const config::Options& options = *setup_.options;
    if (auto cluster = cluster::create_cluster(options)) subsystems_.push_back(std::move(cluster));
    if (auto gateway = gateway::create_gateway(options)) subsystems_.push_back(std::move(gateway));
    if (options.leafnodes.configured()) subsystems_.push_back(gateway::create_leafnodes());
    for (const auto& subsystem : subsystems_) {
        const absl::Status status = subsystem->start(*server_, setup_.options);
        if (!status.ok()) return fmt::format("server {}: {}", setup_.host, status.ToString());
    }
    if (const absl::Status status = server_->listen(); !status.ok()) {
        return fmt::format("server {}: {}", setup_.host, status.ToString());
    }
    for (uint32_t i = 0; i < setup_.worker_count; ++i) {
        if (setup_.released_per_turn != 0) {
            server_->worker_state(i).host.set_released_per_turn(setup_.released_per_turn);
        }
        if (setup_.share_bytes != 0)
            server_->worker_state(i).host.input.set_block_bytes_min(setup_.share_bytes);
        if (!server_->worker(i).start().ok()) return "a worker does not start";
    }
    for (const auto& subsystem : subsystems_) subsystem->on_ready();
    return {};
}

void SimServer::reload(std::shared_ptr<const config::Options> options, bool authorization) {
    (void)server_->apply(options, nullptr, authorization);
    for (const auto& subsystem : subsystems_) subsystem->reload(options);
}

void SimServer::crash(bool silent) {
    crashed_ = true;
    jobs_.die();
    for (const auto& ring : rings_) ring->die();
    net_.crash(setup_.host, silent);
}

bool SimServer::is_runnable(uint32_t worker) const {
    if (is_asleep(worker)) return false;
    return server_->worker(worker).wait_until_ns() <= net_.now_ns() || rings_[worker]->ready();
}

uint64_t SimServer::wake_ns(uint32_t worker) const {
    return is_asleep(worker) ? asleep_until_ns_[worker] : server_->worker(worker).wait_until_ns();
}

void SimServer::run(uint32_t worker) {
    server_->worker(worker).turn();
}

void SimServer::pause(uint64_t until_ns) {
    for (uint64_t& asleep_until_ns : asleep_until_ns_) {
        asleep_until_ns = std::max(asleep_until_ns, until_ns);
    }
}

}  // namespace nuring::sim
