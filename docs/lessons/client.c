/* The lecture's client, section 03 of "TCP socket communication".
 *
 * It sends what is typed, a line of at most 1,023 bytes at a time, until a line
 * begins with a dot. It reads no reply. Unlike the lecture's, it also ends at the
 * end of its input.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 1024

int main(int argc, char *argv[]) {
    int fd;
    struct sockaddr_in server_addr;
    char buffer[BUFFER_SIZE];

    if (argc < 3) {
        printf("Usage: %s <ipaddr> <port>\n", argv[0]);
        exit(1);
    }

    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd == -1) {
        perror("socket");
        exit(1);
    }

    memset(&server_addr, 0, sizeof(server_addr));
    server_addr.sin_family = AF_INET;
    server_addr.sin_addr.s_addr = inet_addr(argv[1]);
    server_addr.sin_port = htons(atoi(argv[2]));
    if (connect(fd, (struct sockaddr *)&server_addr, sizeof(server_addr)) == -1) {
        perror("connect");
        exit(1);
    }

    while (1) {
        printf("Input message(.:quit): ");
        if (fgets(buffer, sizeof(buffer), stdin) == NULL || buffer[0] == '.') {
            break;
        }
        if (send(fd, buffer, strlen(buffer), 0) == -1) {
            perror("send");
            exit(1);
        }
    }

    printf("finish.\n");
    close(fd);
    return 0;
}
