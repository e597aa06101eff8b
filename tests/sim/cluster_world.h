// SPDX-License-Identifier: Apache-2.0
// Several servers and their clients in one thread, from a draw.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/prng.h"
#include "core/config/options.h"
#include "core/config/url.h"
#include "tests/sim/cluster_client.h"
#include "tests/sim/cluster_draw.h"
#include "tests/sim/cluster_oracle.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/world_log.h"

namespace nuring::sim {

// ClusterWorld runs one drawn world: it starts the servers, lets the clients loose, makes the faults happen,
// decides which worker of which server runs when, lets all come to rest in peace, and judges.
//
// Threads: one. Limits: kStepsMax. Errors: failure() says what went wrong first; a bug may assert.
// Lifetime: one world per process: servers that crash are kept to its end.
class ClusterWorld final : public WorldLog {
  public:
    static constexpr uint64_t kStepsMax = 30'000'000;
    static constexpr uint64_t kClientsSettleMax_ns = 120'000'000'000;

    ClusterWorld(const ClusterDraw& draw, bool verbose);
    ~ClusterWorld();

    // A bug to plant (canary.h), before run().
    void set_meddler(SimNet::Meddler meddler) { meddler_ = std::move(meddler); }
    // True when the servers kept all their promises.
    bool run();
    // What happened in this world that must happen in some.
    const std::set<std::string>& marks() const { return marks_; }
    std::string describe_work() const;

  private:
    // A server's place in the world; processes come and go there.
    struct Place {
        std::unique_ptr<SimServer> process;  // null: none now
        uint32_t worker_count = 1;
        uint16_t client_port = 0;
        uint16_t cluster_port = 0;
        uint16_t gateway_port = 0;
        uint16_t leafnode_port = 0;
        bool is_lame = false;
        bool denies = false;
        bool lacks_account = false;
        uint64_t lame_since_ns = 0;
        uint64_t lame_restart_ns = 0;           // the pause behind a lame duck's end
        std::vector<config::Url> routes = {};   // that the process was started with
        std::vector<uint64_t> own_counts = {};  // by account: subscriptions without any client
    };

    struct Pools {
        uint64_t size = 0;
        uint64_t pinned = 0;
    };

    void note_log(uint32_t place, std::string_view line);

    SimFaults faults(bool is_rough) const;
    std::shared_ptr<config::Options> options(uint32_t place) const;
    void add_routes(uint32_t place, config::Options* options) const;
    void add_gateways(uint32_t place, config::Options* options) const;
    void add_leafnodes(uint32_t place, config::Options* options) const;
    void start(uint32_t place);
    void crash(uint32_t place, bool silent);
    static void bury(std::unique_ptr<SimServer> process);
    void restart_after(uint32_t place, uint64_t delay_ns);
    void happen(const Fault& fault);
    void reload(uint32_t place, bool authorization);
    // Sets `denies` or `lacks_account`, and has the server read its users anew.
    void change_users(uint32_t place, bool Place::* trait, bool on);
    void reload_cluster(uint64_t cluster, uint64_t within_ns);
    void change_pools(uint64_t cluster, uint64_t within_ns);
    void cut(uint32_t from, uint32_t to, bool on);
    void be_rough(bool on);
    void end_lame_ducks();
    void add_client();
    void schedule_action(ClusterClient& client);
    bool step(bool timers);
    void run_worker(SimServer& server, uint32_t worker);
    void run_until(const std::function<bool()>& condition, uint64_t limit_ns, const char* what);
    void pass(uint64_t ns);
    void come_to_rest();
    void settle_clients();
    void check_at_rest();
    void check_links(uint32_t place);
    void check_interest(uint32_t place);
    uint64_t subscription_count(uint32_t place, uint32_t account);
    void note_counters();
    std::string describe_stuck() const;

    const ClusterDraw draw_;
    base::Prng prng_;  // of the scheduler
    SimNet net_;
    ClusterOracle oracle_;
    SimNet::Meddler meddler_;
    std::vector<Place> places_;
    uint32_t renamed_count_ = 0;  // the one cluster
    std::vector<Pools> pools_;  // by cluster, as configured now
    std::vector<std::unique_ptr<ClusterClient>> clients_;
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> cuts_;  // how many faults cut that way
    uint32_t rough_count_ = 0;
    bool acting_ = true;
    bool moving_ = true;  // clients, between workers
    uint64_t moves_with_subscriptions_ = 0;  // that were begun
    uint64_t step_count_ = 0;
    std::set<std::string> marks_;
};

}  // namespace nuring::sim
