// SPDX-License-Identifier: Apache-2.0
// nats-uring: the server's executable.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

#include "core/base/version.h"
#include "core/config/options.h"
#include "core/server/process.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "tools/server/assemble.h"
#include "tools/server/commit.h"
#include "tools/server/flags.h"
#include "tools/server/signal_command.h"

namespace {

// The only exceptions that end the program are those of threads and memory that the system refuses.
[[noreturn]] void on_refusal() {
    std::fputs(
        "nats-uring: the system refuses a thread or memory - raise the limits of processes and memory (ulimit -u "
        "and -v, TasksMax=, MemoryMax=, --pids-limit)\n",
        stderr);
    std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    using namespace nuring;
    std::set_terminate(&on_refusal);
    const tools::Flags flags = tools::parse_flags(argc, argv);
    const tools::Versions versions{.own = NURING_VERSION,
                                   .commit = tools::kCommit,
                                   .compatible = server::kProtocolVersion};
    if (const auto answer = tools::immediate_answer(flags, versions)) {
        // The error last: behind the help it would be off the screen.
        std::fputs(answer->out.c_str(), stdout);
        std::fflush(stdout);
        std::fputs(answer->error.c_str(), stderr);
        return answer->exit_code;
    }
    const std::string path(argv[0]);
    const std::string program = path.substr(path.rfind('/') + 1);
    if (flags.action == tools::Action::kSignal) {
        const absl::Status status =
            tools::send_signal_command(flags.signal, program, tools::system_processes());
        if (status.ok()) return 0;
        std::fprintf(stderr, "%s: %s\n", flags.program.c_str(), std::string(status.message()).c_str());
        return 1;
    }
    const auto read_file = [](const tools::Flags& given, config::Options* out, config::Diagnostics* found) {
        return tools::build_options(given, config::system_sources(), out, found) &&
               server::check_tls_files(*out, found);
    };
    const auto read_options = [&](config::Options* out, config::Diagnostics* found) {
        return read_file(flags, out, found);
    };
    auto options = std::make_shared<config::Options>();
    config::Diagnostics diagnostics;
    const bool good = read_options(options.get(), &diagnostics);
    if (flags.action == tools::Action::kTestConfig) {
        tools::Answer answer = tools::check_answer(flags, *options, diagnostics);
        if (answer.exit_code == 0 && !flags.reload_file.empty()) {
            tools::Flags later = flags;
            later.config_file = flags.reload_file;
            config::Options fresh;
            config::Diagnostics found;
            (void)read_file(later, &fresh, &found);  // errors are in `found`
            answer = tools::check_answer(later, fresh, found);
            if (answer.exit_code == 0) answer = tools::reload_answer(flags, *options, &fresh);
        }
        std::fputs(answer.error.c_str(), stderr);
        return answer.exit_code;
    }
    // The log has notices and warnings; where that is stderr, once is enough.
    if (!good || !options->log.to_stderr()) std::fputs(tools::report(flags, diagnostics).c_str(), stderr);
    if (!good) return 1;
    const auto read_again = [&read_options](config::Diagnostics* found) {
        auto fresh = std::make_shared<config::Options>();
        if (!read_options(fresh.get(), found)) fresh = nullptr;
        return fresh;
    };
    server::Subsystems subsystems = tools::assemble(*options);
    return server::run_process(
        std::move(options), {.file = program, .shown = flags.program, .commit = tools::kCommit},
        std::move(diagnostics), read_again, std::move(subsystems));
}
