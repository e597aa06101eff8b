// SPDX-License-Identifier: Apache-2.0
// A storm of logins with hashed passwords beside traffic: what it costs the traffic.
#include <memory>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/flow.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

// As login_storm.conf has it.
constexpr std::string_view kLogin =
    "CONNECT "
    "{\"verbose\":false,\"pedantic\":false,\"user\":\"login\",\"pass\":\"S3Cr3T0k3n!\"}"
    "\r\nPING\r\n";

// The clients of the storm: all send their CONNECT at once, and wait.
class Logins {
  public:
    Logins(const Endpoint& endpoint, size_t count) {
        for (size_t i = 0; i < count; ++i) {
            wires_.push_back(std::make_unique<Wire>());
            wires_.back()->dial(endpoint);
            poller_.add(wires_.back().get());
        }
    }
    void begin() {
        for (const auto& wire : wires_) wire->send_all(kLogin);
    }
    // Takes what has come; returns whether there was anything.
    bool advance() {
        return poller_.wait(0, [this](Wire* wire) {
            if (!wire->readable) return;
            const uint64_t before = wire->pongs();
            wire->receive([](const Delivery&) {});
            done_ += wire->pongs() - before;
            closed_ += wire->closed() ? 1 : 0;
        }) != 0;
    }
    uint64_t done() const { return done_; }
    uint64_t closed() const { return closed_; }
    size_t count() const { return wires_.size(); }

  private:
    Poller poller_;
    std::vector<std::unique_ptr<Wire>> wires_;
    uint64_t done_ = 0;
    uint64_t closed_ = 0;
};

struct Phase {
    Result result;
    uint64_t gap_ns = 0;
};

Phase run_traffic(const Options& options, const Shape& shape, Logins* logins) {
    Wire publisher;
    Wire receiver;
    publisher.open(options.endpoint);
    receiver.open(options.endpoint);
    receiver.send_all("SUB load.0 1\r\n");
    receiver.flush();
    Flow::LanePlan plan;
    plan.batch.subjects = {"load.0"};
    plan.batch.payload_size = shape.payload_size;
    plan.batch.bytes_wanted = options.chunk_bytes;
    plan.receivers = {&receiver};
    plan.message_frame_size =
        message_frame("load.0", "1", "", make_payload(shape.payload_size)).size();
    Flow flow(options);
    flow.add_lane(&publisher, plan);
    Phase phase;
    if (logins == nullptr) {
        flow.run(&phase.result);
    } else {
        logins->begin();
        flow.run([logins] { return logins->advance(); }, &phase.result);
    }
    phase.gap_ns = flow.receiver_gap_max_ns();
    return phase;
}

}  // namespace

// First the traffic alone, then beside the storm, in one run: the share is what counts. Logins that are not
// done in the measured time go on waiting; they run when nothing else wants the processors.
Result run_login_storm(const Options& options, const Shape& shape) {
    Options timed = options;
    timed.count = 0;  // --count says how many logins, not how many messages
    const Phase alone = run_traffic(timed, shape, nullptr);
    Logins logins(options.endpoint, options.count != 0 ? options.count : shape.publishers);
    const Phase beside = run_traffic(timed, shape, &logins);
    Result result = beside.result;
    if (!alone.result.valid) result.invalidate(alone.result.why);
    if (logins.closed() != 0) result.invalidate("a login was refused");
    const auto rate = [](const Result& r) { return static_cast<double>(r.messages) / r.seconds; };
    const auto ms = [](uint64_t ns) { return static_cast<double>(ns) / kNsPerMs; };
    result.figures.emplace_back("share_of_throughput", rate(beside.result) / rate(alone.result));
    result.figures.emplace_back("gap_alone_ms", ms(alone.gap_ns));
    result.figures.emplace_back("gap_ms", ms(beside.gap_ns));
    result.figures.emplace_back("logins_done", static_cast<double>(logins.done()));
    return result;
}

}  // namespace nuring::bench
