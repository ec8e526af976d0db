// The blocking face from C++: results and the client close themselves.
//
//     c++ greeting.cc -o greeting $(pkg-config --cflags --libs gridiron)
//     ./greeting 127.0.0.1:7400 hello
#include <cstdio>
#include <grid_client.h>
#include <memory>
#include <string>

namespace {

struct ClientCloser { void operator()(grid_blocking *client) const { grid_blocking_close(client); } };
struct ResultCloser { void operator()(grid_result *result) const { grid_result_close(result); } };
using Client = std::unique_ptr<grid_blocking, ClientCloser>;
using Result = std::unique_ptr<grid_result, ResultCloser>;

int fail(const char *what, grid_outcome outcome)
{
    std::fprintf(stderr, "%s: %s: %s\n", what, grid_outcome_name(outcome), grid_outcome_text(outcome));
    return 1;
}

}  // namespace

int main(int count, char **arguments)
{
    if (count != 3) {
        std::fprintf(stderr, "usage: %s HOST:PORT TEXT\n", arguments[0]);
        return 2;
    }
    const char *endpoint = arguments[1];
    grid_options options{};
    options.endpoints = &endpoint;
    options.endpoints_count = 1;
    options.name = "greeting";
    grid_blocking *opened = nullptr;
    char note[256];
    grid_outcome outcome = grid_blocking_reach(&options, &opened, note, sizeof note);
    if (outcome != GRID_OUTCOME_OK) {
        std::fprintf(stderr, "%s: %s\n", grid_outcome_name(outcome), note);
        return 1;
    }
    Client client(opened);
    grid_key key = grid_key_text("greeting");
    outcome = grid_blocking_set(client.get(), "examples", &key, grid_text(arguments[2]), nullptr);
    if (outcome != GRID_OUTCOME_OK)
        return fail("set", outcome);
    grid_result *answer = nullptr;
    outcome = grid_blocking_get(client.get(), "examples", &key, &answer);
    Result result(answer);
    if (outcome != GRID_OUTCOME_OK)
        return fail("get", outcome);
    const grid_reply *reply = grid_result_reply(result.get());
    std::string value(static_cast<const char *>(reply->value.data), reply->value.size);
    std::printf("%s (version %llu, library %s)\n", value.c_str(), static_cast<unsigned long long>(reply->version), grid_version());
    return 0;
}
