// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "tests/sim/sim_connection.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// WorldLog notes what clients do and see in a world: a digest of it, the first failure, and all of it on
// stderr if that is wanted.
// Threads: one. Lifetime: that of the world, whose net it is given.
class WorldLog : public SimClientHost {
  public:
    WorldLog(const WorldLog&) = delete;
    WorldLog& operator=(const WorldLog&) = delete;

    const std::string& failure() const { return failure_; }
    // Equal for equal seeds.
    uint64_t digest() const { return digest_; }

    // --- SimClientHost
    uint64_t next_step() final {
        digest_ = (digest_ ^ net_.now_ns()) * kPrime;
        return ++clock_;
    }
    void fail(const std::string& text) final {
        if (failed()) return;
        failure_ = text;
        say(fmt::format("FAILED: {}", text));
    }
    void trace(uint32_t client, std::string_view text) final {
        for (const char byte : text) digest_ = (digest_ ^ static_cast<unsigned char>(byte)) * kPrime;
        if (verbose_) say(fmt::format("client {}: {}", client, text));
    }

  protected:
    WorldLog(const SimNet& net, bool verbose) : net_(net), verbose_(verbose) {}
    ~WorldLog() = default;

    bool failed() const { return !failure_.empty(); }
    bool verbose() const { return verbose_; }
    void say(std::string_view text) const {
        if (verbose_) fmt::print(stderr, "{:>14} {}\n", net_.now_ns(), text);
    }

  private:
    static constexpr uint64_t kPrime = 0x100000001b3ULL;  // of FNV-1a

    const SimNet& net_;
    const bool verbose_;
    uint64_t clock_ = 0;  // next_step()
    uint64_t digest_ = 0xcbf29ce484222325ULL;
    std::string failure_;
};

}  // namespace nuring::sim
