// SPDX-License-Identifier: Apache-2.0
// The answers are those of the plain model, and do not depend on how the input is split.
// Input: a byte which chooses limits, a byte for the size of pieces, then what a server sends.
#include "tests/fuzz/require.h"
#include "tests/support/route_parser_model.h"

namespace {

using nuring::proto::RouteParseLimits;
using nuring::proto::test::RouteParser;
using nuring::test::require;
namespace proto_test = nuring::proto::test;

constexpr size_t kByteWiseMax = 1024;  // feeding byte by byte copies the carried bytes each time

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size < 2) return 0;
    RouteParseLimits limits;
    if ((bytes[0] & 1) != 0) limits.control_line_max = 24;
    limits.names_unsubscribe_origin = (bytes[0] & 2) != 0;
    limits.dialect =
        static_cast<nuring::proto::RouteDialect>((bytes[0] >> 2) % nuring::proto::kRouteDialectCount);
    const std::string_view input = nuring::test::view_of(bytes + 2, size - 2);
    const size_t piece_size = size_t{1} + bytes[1];

    const proto_test::Lines whole = proto_test::feed_whole<RouteParser>(input, limits);
    require(whole == proto_test::feed_in_pieces<RouteParser>(input, limits, piece_size),
            "same in pieces");
    if (input.size() <= kByteWiseMax) {
        require(whole == proto_test::feed_in_pieces<RouteParser>(input, limits, 1),
                "same byte by byte");
        // The model speaks one dialect.
        if (limits.dialect == nuring::proto::RouteDialect::kRoute) {
            require(whole == proto_test::RouteParserModel(limits).run(input), "same as the model");
        }
    }
    return 0;
}
