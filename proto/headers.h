// SPDX-License-Identifier: Apache-2.0
// The header block of a message:
//
//   NATS/1.0[ <status>[ <text>]]\r\n
//   <Name>: <value>\r\n
//   ...
//   \r\n
//
// On plain routing nobody looks inside; these are for the features that do. Publishers may send blocks that
// are not well-formed, and servers and clients read them differently: a line may end with CRLF, or with CR
// or LF alone, and reading may go on behind a bad line. find_header() and set_header() see every line that
// one of them may see, so that no publisher gets a header past them that only servers may set.
// Threads: any. Errors: return values. Nothing is allocated; output goes to the caller's memory.
// Source: server/client.go 2.15.3 (sliceHeader, removeHeaderIfPresent, setHeader) and the header page
// of the protocol documentation. Names are compared as written, like there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuring::proto {

inline constexpr std::string_view kHeaderVersion = "NATS/1.0";

enum class [[nodiscard]] HeaderStatus : uint8_t{
    kOk,
    kBadVersion,    // does not begin with NATS/1.0 and a space or line end
    kBadLine,       // no colon, an empty name, or a name with blanks or control bytes
    kUnterminated,  // no empty line at the end
    kTrailing,      // bytes after the empty line
};

// Is the whole block well-formed?
HeaderStatus check_headers(std::string_view block);

// The text behind the version, without blanks around: "503 No Responders", or empty.
std::string_view header_status(std::string_view block);

// A header in a block.
struct HeaderField {
    std::string_view name;
    std::string_view value;  // without blanks around
    std::string_view line;   // with its CRLF
};

// HeaderReader walks the fields of a block; it stops at the empty line or at the first bad line.
class HeaderReader {
  public:
    explicit HeaderReader(std::string_view block);
    // False at the end.
    bool next(HeaderField* field);
    // The rest that has not been read: starts at the empty line once next() is false for a good block.
    std::string_view rest() const { return rest_; }

  private:
    std::string_view rest_;
};

// The first line of that name, behind the first one of the block; its value ends with CRLF or the block.
bool find_header(std::string_view block, std::string_view name, HeaderField* field);

struct HeaderChange {
    std::string_view name;
    std::string_view value;
};

// Writes the block with that header at the end, and without any other of that name. An empty block becomes a
// new one; one without an end gets one. `out` has room for set_header_size_max() and does not overlap the
// block; returns the end.
size_t set_header_size_max(std::string_view block, const HeaderChange& change);
char* set_header(char* out, std::string_view block, const HeaderChange& change);

}  // namespace nuring::proto
