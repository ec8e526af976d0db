#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grid/base/standard_streams.h"

/* In a child without the descriptors of `closed` (bits): 0 when the next file gets a number above theirs. */
static int in_child(unsigned closed)
{
    pid_t child = fork();
    if (child == 0) {
        for (int stream = 0; stream <= 2; stream++)
            if (closed & 1u << stream)
                close(stream);
        if (!standard_streams_open())
            _exit(1);
        int next = open("/dev/null", O_RDONLY);
        _exit(next > 2 && fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0 ? 0 : 2);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(standard_streams, keeps_their_numbers_from_files)
{
    for (unsigned closed = 0; closed < 8; closed++)
        cr_assert_eq(in_child(closed), 0, "without %x", closed);
}

Test(standard_streams, leaves_those_that_are_open_alone)
{
    int pair[2];
    char byte = 0;
    cr_assert_eq(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pair[1], 1);
        close(0);
        bool opened = standard_streams_open() && write(1, "x", 1) == 1;
        _exit(opened ? 0 : 1);
    }
    cr_assert_eq(read(pair[0], &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    cr_assert_eq(waitpid(child, NULL, 0), child);
}
