/* The lecture's server, section 03 of "TCP socket communication".
 *
 * It receives 1,024 bytes at a time from one client and prints them. The buffer
 * has one byte more than recv is given, so that there is a NUL behind a full
 * read too: without it, what printf prints is undefined.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 50
#define BUFFER_SIZE 1024

int main(int argc, char *argv[]) {
    int listen_fd, client_fd;
    struct sockaddr_in server_addr, client_addr;
    socklen_t client_size = sizeof(client_addr);
    char buffer[BUFFER_SIZE + 1];
    ssize_t received;

    if (argc < 2) {
        printf("Usage: %s <port>\n", argv[0]);
        exit(1);
    }

    listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (listen_fd == -1) {
        perror("socket");
        exit(1);
    }

    memset(&server_addr, 0, sizeof(server_addr));
    server_addr.sin_family = AF_INET;
    server_addr.sin_addr.s_addr = htonl(INADDR_ANY);
    server_addr.sin_port = htons(atoi(argv[1]));
    if (bind(listen_fd, (struct sockaddr *)&server_addr, sizeof(server_addr)) == -1) {
        perror("bind");
        exit(1);
    }

    if (listen(listen_fd, LISTEN_BACKLOG) == -1) {
        perror("listen");
        exit(1);
    }

    client_fd = accept(listen_fd, (struct sockaddr *)&client_addr, &client_size);
    if (client_fd == -1) {
        perror("accept");
        exit(1);
    }
    printf("accepted host(IP: %s, Port: %d)\n", inet_ntoa(client_addr.sin_addr),
           ntohs(client_addr.sin_port));

    while (1) {
        memset(buffer, 0, sizeof(buffer));
        received = recv(client_fd, buffer, BUFFER_SIZE, 0);
        if (received == -1) {
            perror("recv");
            exit(1);
        }
        if (received == 0) {
            break;
        }
        printf("recv data: %s\n", buffer);
    }

    printf("finish.\n");
    close(client_fd);
    close(listen_fd);
    return 0;
}
