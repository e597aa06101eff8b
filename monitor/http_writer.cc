// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_writer.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <httplib.h>
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"

namespace nuring::monitor {
namespace {

std::string http_date() {
    const time_t now = static_cast<time_t>(ring::realtime_ns() / 1'000'000'000);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text;
    const size_t size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text.data(), size};
}

// A stream that never waits. cpp-httplib has asked for that in other words since 0.20; none of its
// versions knows all of these, so none can say `override`.
class ReadyStream : public httplib::Stream {
  public:
    virtual bool is_writable() const { return true; }
    virtual bool wait_readable() const { return true; }
    virtual bool wait_writable() const { return true; }
    virtual time_t duration() const { return 0; }
};

// A request in memory, and the answer to it.
class MemoryStream final : public ReadyStream {
  public:
    MemoryStream(std::string_view input, std::string* output) : input_(input), output_(*output) {}

    bool is_readable() const override { return !input_.empty(); }
    ssize_t read(char* bytes, size_t size) override {
        size = std::min(size, input_.size());
        std::copy_n(input_.data(), size, bytes);
        input_.remove_prefix(size);
        return static_cast<ssize_t>(size);
    }
    ssize_t write(const char* bytes, size_t size) override {
        output_.append(bytes, size);
        return static_cast<ssize_t>(size);
    }
    void get_remote_ip_and_port(std::string& /*ip*/, int& port) const override { port = 0; }
    void get_local_ip_and_port(std::string& /*ip*/, int& port) const override { port = 0; }
    socket_t socket() const override { return -1; }

  private:
    std::string_view input_;
    std::string& output_;
};

}  // namespace

// cpp-httplib without its sockets and threads: one request in, one answer out.
class HttpWriter::Framer final : public httplib::Server {
  public:
    Framer() {
        set_pre_routing_handler([this](const auto& /*request*/, auto& response) {
            respond(response);
            return HandlerResponse::Handled;
        });
        set_post_routing_handler([](const auto& /*request*/, auto& response) {
            response.headers.erase("Keep-Alive");
            response.headers.erase("Accept-Ranges");
            response.set_header("Date", http_date());
        });
    }

    std::string frame(const HttpRequest& request, const HttpAnswer& answer) {
        request_ = &request;
        answer_ = &answer;
        std::string head;
        MemoryStream stream("GET / HTTP/1.1\r\n\r\n", &head);
        serve(*this, stream);
        // It answers in its own version.
        if (request.old && head.starts_with("HTTP/1.1")) head[7] = '0';
        return head;
    }

  private:
    // From 0.18 on it is told who is at both ends. A template, so that only the call that there is
    // is compiled.
    template <class Self>
    static void serve(Self& self, httplib::Stream& stream) {
        bool ends = false;
        // tidy: allow banned-word, cpp-httplib calls it so
        if constexpr (requires { self.process_request(stream, false, ends, nullptr); }) {
            // tidy: allow banned-word, as above
            (void)self.process_request(stream, /*close_connection=*/false, ends, nullptr);
        } else {
            const std::string nobody;
            // tidy: allow banned-word, as above
            (void)self.process_request(stream, nobody, 0, nobody, 0, /*close_connection=*/false,
                                       ends, nullptr);
        }
    }
    void respond(httplib::Response& response) const {
        response.status = answer_->status;
        for (const auto& [name, value] : answer_->headers) response.set_header(name, value);
        if (!request_->goes_on && !request_->old) response.set_header("Connection", "close");
        if (request_->goes_on && request_->old) response.set_header("Connection", "keep-alive");
        if (!answer_->body.empty()) response.set_header("Content-Type", answer_->content_type);
        response.set_header("Content-Length", fmt::format("{}", answer_->body.size()));
    }

    const HttpRequest* request_ = nullptr;
    const HttpAnswer* answer_ = nullptr;
};

HttpWriter::HttpWriter() : framer_(std::make_unique<Framer>()) {}
HttpWriter::~HttpWriter() = default;

std::string HttpWriter::head(const HttpRequest& request, const HttpAnswer& answer) {
    return framer_->frame(request, answer);
}

}  // namespace nuring::monitor
