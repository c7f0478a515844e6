/* The lecture's server: one client, recv of 1,024 bytes, printf for each.
 *
 * Changed, so that it prints the session as the lecture shows it and can be run
 * again and again: printf adds no newline, since the buffer holds the client's;
 * a NUL stands behind every read; it listens on loopback only, and reuses the
 * address. docs/lessons/server.c is the program without these changes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void check(int result, const char *call) {
    if (result == -1) {
        perror(call);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        printf("Usage: %s <port>\n", argv[0]);
        return 1;
    }
    int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    check(listening, "socket");
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(listening, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(listening, 50), "listen");
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int connection = accept(listening, (struct sockaddr *)&peer, &size);
    check(connection, "accept");
    printf("accepted host(IP: %s, Port: %d)\n", inet_ntoa(peer.sin_addr),
           ntohs(peer.sin_port));
    char buffer[1025];
    ssize_t received;
    while ((received = recv(connection, buffer, 1024, 0)) > 0) {
        buffer[received] = '\0';
        printf("recv data: %s", buffer);
    }
    check(received, "recv");
    puts("finish.");
    return 0;
}
