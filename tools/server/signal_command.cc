// SPDX-License-Identifier: Apache-2.0
#include "tools/server/signal_command.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "fmt/format.h"

namespace nuring::tools {
namespace {

struct SignalWord {
    std::string_view word;
    int signal;
};
constexpr SignalWord kWords[] = {
    {"stop", SIGKILL},  {"quit", SIGINT}, {"reopen", SIGUSR1},
    {"reload", SIGHUP}, {"ldm", SIGUSR2}, {"term", SIGTERM},
};

class SystemProcesses final : public ProcessTable {
  public:
    std::vector<int> find(std::string_view program) const override {
        std::vector<int> found;
        const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
        if (proc == nullptr) return found;
        while (const dirent* entry = ::readdir(proc.get())) {
            const std::string_view name(entry->d_name);
            int pid = 0;
            const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
            if (error != std::errc() || end != name.data() + name.size()) continue;
            if (pid != ::getpid() && program_of(pid) == program) found.push_back(pid);
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    int send(int pid, int signal) const override { return ::kill(pid, signal) == 0 ? 0 : errno; }

  private:
    // The name of the program file, from the command line (the kernel's short name is cut off).
    static std::string program_of(int pid) {
        std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
        std::string first;
        std::getline(file, first, '\0');
        return first.substr(first.rfind('/') + 1);
    }
};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A readable file's content, or the text itself.
std::string pid_text(const std::string& argument) {
    std::ifstream file(argument);
    if (!file || file.peek() == std::ifstream::traits_type::eof()) return argument;
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    return std::string(trimmed(content));
}

absl::Status parse_pid(const std::string& text, int* pid) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *pid);
    if (error != std::errc() || end != text.data() + text.size() || *pid <= 0) {
        return absl::InvalidArgumentError(fmt::format("invalid pid: {}", text));
    }
    return absl::OkStatus();
}

absl::Status find_pid(std::string_view program, const ProcessTable& processes, int* pid) {
    const std::vector<int> found = processes.find(program);
    if (found.empty()) {
        return absl::NotFoundError(fmt::format("no {} processes running", program));
    }
    if (found.size() > 1) {
        std::string text = fmt::format("multiple {} processes running:", program);
        for (const int one : found) text += fmt::format("\n{}", one);
        return absl::FailedPreconditionError(text);
    }
    *pid = found[0];
    return absl::OkStatus();
}

}  // namespace

const ProcessTable& system_processes() {
    static const SystemProcesses processes;
    return processes;
}

absl::Status send_signal_command(std::string_view command, std::string_view program,
                                 const ProcessTable& processes) {
    const size_t equals = command.find('=');
    const std::string_view word = command.substr(0, equals);
    const std::string argument(equals == std::string_view::npos ? "" : command.substr(equals + 1));
    if (const size_t second = argument.find('='); second != std::string::npos) {
        std::string rest = argument.substr(second + 1);
        std::replace(rest.begin(), rest.end(), '=', ' ');
        return absl::InvalidArgumentError(fmt::format("invalid signal parameters: [{}]", rest));
    }
    int pid = 0;
    const absl::Status resolved =
        argument.empty() ? find_pid(program, processes, &pid) : parse_pid(pid_text(argument), &pid);
    if (!resolved.ok()) return resolved;
    const auto* known = std::find_if(std::begin(kWords), std::end(kWords),
                                     [&](const SignalWord& entry) { return entry.word == word; });
    if (known == std::end(kWords)) {
        return absl::InvalidArgumentError(fmt::format("unknown signal \"{}\"", word));
    }
    switch (const int error = processes.send(pid, known->signal)) {
        case 0:
            return absl::OkStatus();
        case ESRCH:
            return absl::NotFoundError("no such process");
        case EPERM:
            return absl::PermissionDeniedError("operation not permitted");
        default:
            return absl::UnknownError(std::strerror(error));
    }
}

}  // namespace nuring::tools
