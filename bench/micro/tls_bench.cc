// SPDX-License-Identifier: Apache-2.0
// What TLS costs the server: a handshake by kind of key and by the curve that the client picks, its
// longest step (what a worker would stand still for if it did it itself), and bulk traffic per byte.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "bench/support/certificates.h"
#include "core/tls/tls_engine.h"

namespace {

using namespace nuring;

// Of this thread, so that a busy machine does not count.
double cpu_s() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

tls::Output into(std::string* out) {
    return {.append = [](void* to, const char* bytes,
                         size_t size) { static_cast<std::string*>(to)->append(bytes, size); },
            .state = out};
}

struct Pair {
    std::unique_ptr<tls::Engine> server;
    std::unique_ptr<tls::Engine> client;
    double server_s = 0;
    double longest_step_s = 0;

    Pair(const std::shared_ptr<const tls::Profile>& server_profile,
         const std::shared_ptr<const tls::Profile>& client_profile)
        : server(tls::Engine::create(server_profile)), client(tls::Engine::create(client_profile)) {
        std::string to_server;
        std::string to_client;
        auto client_status = tls::HandshakeStatus::kNeedsInput;
        auto server_status = tls::HandshakeStatus::kNeedsInput;
        while (server_status == tls::HandshakeStatus::kNeedsInput) {
            std::string_view received = to_client;
            std::string said;
            if (client_status == tls::HandshakeStatus::kNeedsInput) {
                client_status = client->handshake(&received, into(&said));
            }
            to_client.clear();
            to_server = said;
            received = to_server;
            const double start = cpu_s();
            server_status = server->handshake(&received, into(&to_client));
            const double step = cpu_s() - start;
            server_s += step;
            longest_step_s = std::max(longest_step_s, step);
        }
        std::string_view received = to_client;  // the ticket, or the end of a handshake of 1.2
        std::string none;
        if (client_status == tls::HandshakeStatus::kNeedsInput) {
            (void)client->handshake(&received, into(&none));
        }
    }
};

std::shared_ptr<const tls::Profile> server_profile(const std::string& key) {
    const nuring::test::TestCertificate pair({.key = key});
    return *tls::Profile::create(
        {.cert_file = pair.certificate_file(), .key_file = pair.key_file()});
}

std::shared_ptr<const tls::Profile> client_profile(const std::string& curve) {
    return *tls::Profile::create({.role = tls::Role::kClient, .curves = {curve}});
}

void handshake(benchmark::State& state, const std::string& key, const std::string& curve) {
    const auto server = server_profile(key);
    const auto client = client_profile(curve);
    double longest_s = 0;
    for (auto _ : state) {
        const Pair pair(server, client);
        state.SetIterationTime(pair.server_s);
        longest_s += pair.longest_step_s;
    }
    state.counters["longest_step_us"] =
        benchmark::Counter(longest_s * 1e6, benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(handshake, p256, "P-256", "X25519")->UseManualTime();
BENCHMARK_CAPTURE(handshake, p256_client_wants_p384, "P-256", "CurveP384")->UseManualTime();
BENCHMARK_CAPTURE(handshake, p384, "P-384", "X25519")->UseManualTime();
BENCHMARK_CAPTURE(handshake, rsa2048, "2048", "X25519")->UseManualTime();
BENCHMARK_CAPTURE(handshake, rsa4096, "4096", "X25519")->UseManualTime();

void encrypt(benchmark::State& state) {
    Pair pair(server_profile("P-256"), client_profile("X25519"));
    const std::string plaintext(static_cast<size_t>(state.range(0)), 'x');
    std::string wire;
    for (auto _ : state) {
        wire.clear();
        benchmark::DoNotOptimize(pair.server->write(plaintext, into(&wire)));
    }
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(encrypt)->Arg(128)->Arg(1024)->Arg(16384)->Arg(131072);

void decrypt(benchmark::State& state) {
    Pair pair(server_profile("P-256"), client_profile("X25519"));
    const std::string plaintext(static_cast<size_t>(state.range(0)), 'x');
    std::string room(plaintext.size() + 1, '\0');
    std::string wire;
    for (auto _ : state) {
        state.PauseTiming();
        wire.clear();
        (void)pair.client->write(plaintext, into(&wire));
        state.ResumeTiming();
        std::string_view received = wire;
        size_t size = 0;
        std::string said;
        benchmark::DoNotOptimize(
            pair.server->read(&received, {room.data(), room.size()}, &size, into(&said)));
    }
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(decrypt)->Arg(1024)->Arg(16384)->Arg(131072);

}  // namespace

BENCHMARK_MAIN();
