// SPDX-License-Identifier: Apache-2.0
// A leafnode says anything, before or after its login, in pieces of any size, and may read nothing; then its
// connection ends. Others are served afterwards as before, and nothing of it is left.
// Input: one byte of flags (kLogsIn, kReadsNothing; the upper half: the size of the pieces, 0: whole), then
//        what the leafnode says.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/account/account_registry.h"
#include "core/config/options.h"
#include "fmt/format.h"
#include "tests/fuzz/require.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_server.h"

namespace nuring::test {
namespace {

constexpr uint16_t kClientPort = 4222;
constexpr uint16_t kLeafnodePort = 7422;
constexpr uint8_t kLogsIn = 1;
constexpr uint8_t kReadsNothing = 2;
constexpr int kStepsMax = 1'000'000;

std::shared_ptr<const config::Options> hub_options() {
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->port = kClientPort;
    options->server_name = "hub";
    options->ping_interval = std::chrono::hours(10);
    options->max_pending = 1024 * 1024;
    options->leafnodes.host = "127.0.0.1";
    options->leafnodes.port = kLeafnodePort;
    config::complete(options.get());
    return options;
}

// The hub, a client and a leafnode that behave, for all inputs.
class Hub {
  public:
    Hub() : server_(net_, {.options = hub_options(), .worker_count = 2}) {
        require(server_.start().empty(), "the hub starts");
        client_ = &net_.connect(kClientPort);
        settle();
        client_->write("CONNECT {\"verbose\":false}\r\nSUB a 1\r\nSUB a.* 2\r\nSUB q g 3\r\nSUB > 4\r\n");
        leafnode_ = &net_.connect(kLeafnodePort);
        settle();
        leafnode_->write(login("healthy-2f7c"));
        leafnode_->write("LS+ check.*\r\nLS+ q g 2\r\nLS+ a.b\r\n");
        settle();
        read_healthy();
        subscriptions_ = count();
    }

    static std::string login(std::string_view name) {
        return fmt::format("CONNECT {{\"name\":\"{0}\",\"server_id\":\"{0}\",\"cluster\":\"{0}\",\"headers\":true,"
                           "\"version\":\"2.15.3\"}}\r\n", name);
    }

    void run(uint8_t flags, std::string_view said) {
        sim::SimStream& stream = net_.connect(kLeafnodePort);
        settle();
        stream.set_reading((flags & kReadsNothing) == 0);
        if ((flags & kLogsIn) != 0) say(stream, login("hostile"));
        const size_t piece = (flags >> 4) == 0 ? said.size() : static_cast<size_t>(flags >> 4);
        while (!said.empty() && !stream.was_reset()) {
            say(stream, said.substr(0, piece));
            said.remove_prefix(std::min(piece, said.size()));
        }
        (void)stream.read_all();
        stream.close();
        settle();
        read_healthy();
        check();
    }

  private:
    void say(sim::SimStream& stream, std::string_view text) {
        while (!text.empty() && !stream.was_reset()) {
            text.remove_prefix(stream.write(text));
            (void)stream.read_all();
            if (!step() && !text.empty()) break;  // the hub reads no more
        }
        settle();
    }

    // All that came on a connection that behaves, but for the hub's own PINGs: those come at any time.
    static std::string read(sim::SimStream* stream) {
        constexpr std::string_view kPing = "PING\r\n";
        std::string text = stream->read_all();
        for (size_t at = text.find(kPing); at != std::string::npos; at = text.find(kPing, at)) {
            text.erase(at, kPing.size());
            stream->write("PONG\r\n");
        }
        return text;
    }

    // What the hub announced or sent meanwhile is of no interest.
    void read_healthy() {
        (void)read(leafnode_);
        (void)read(client_);
    }

    void check() {
        require(count() == subscriptions_, "nothing that the leafnode wanted is left");
        const std::string body = fmt::format("serial-{}", ++serial_);
        client_->write(fmt::format("PUB check.it {}\r\n{}\r\n", body.size(), body));
        settle();
        const std::string expected = fmt::format("LMSG check.it {}\r\n{}\r\n", body.size(), body);
        require(read(leafnode_) == expected, "another leafnode is served, once");
        leafnode_->write(fmt::format("LMSG check.it {}\r\n{}\r\n", body.size(), body));
        settle();
        require(read(client_) == fmt::format("MSG check.it 4 {0}\r\n{1}\r\nMSG check.it 4 {0}\r\n{1}\r\n",
                                             body.size(), body),
                "a client is served, once");
    }

    uint64_t count() { return server_.server().accounts().global().sublist().count(); }

    bool step() {
        bool ran = false;
        for (uint32_t i = 0; i < server_.worker_count(); ++i) {
            if (!server_.is_runnable(i)) continue;
            server_.run(i);
            ran = true;
        }
        server_.flush_log();
        return ran || (net_.next_event_ns() != UINT64_MAX && net_.step());
    }
    void settle() {
        for (int i = 0; step(); ++i) require(i < kStepsMax, "it comes to rest");
    }

    sim::SimNet net_{1, sim::SimFaults{}};
    sim::SimServer server_;
    sim::SimStream* client_ = nullptr;
    sim::SimStream* leafnode_ = nullptr;
    uint64_t subscriptions_ = 0;
    uint64_t serial_ = 0;
};

}  // namespace
}  // namespace nuring::test

// The hub is never released, and the tagged pointers to its sets of subscribers are none for LeakSanitizer.
extern "C" const char* __lsan_default_suppressions() { return "leak:nuring::interest::Subscribers::add"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    // It lives to the end: a server with requests under way cannot be taken apart.
    static auto* hub = new nuring::test::Hub;
    if (size == 0) return 0;
    hub->run(bytes[0], nuring::test::view_of(bytes + 1, size - 1));
    return 0;
}
