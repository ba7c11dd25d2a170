// Commands whose effect, output and exit code are compared with the real iptables' and ipset's, one after the other on
// the same rules and sets.

let commandLines = #"""
    -A INPUT -A INPUT
    -A INPUT -p icmp --icmp-type 255/3 -j ACCEPT
    -A INPUT -p icmp ! --icmp-type 255/255
    -S
    -L -n
    -F
    -W 5 -S INPUT
    -S INPUT -W
    -w -W 5 -S INPUT
    -W x -S INPUT
    -t foo -W 5 -L
    -w x -L
    --wait=x -L
    -w 1x -S INPUT
    -A INPUT -V
    -N E1
    -E E1 ACCEPT
    -E ACCEPT E1
    -E E1 "a b"
    -S
    -X "a b"
    -vF
    -vZ
    -vX
    -vF NIX
    -vX NIX
    -vZ NIX
    -vL -Z -n
    -A INPUT -m string --algo bm --string ""
    -A INPUT -m string --algo bm --hex-string ""
    -A INPUT -m string --algo bm --string x --from 5 --to 3
    -A INPUT -m string --algo foo --string a
    -L -F
    -L -Z INPUT
    -Z -L -n
    -L -S
    -D INPUT 1
    -D INPUT 0
    -D INPUT x
    -I INPUT 2 -j ACCEPT
    -I INPUT 0 -j ACCEPT
    -R INPUT 1 -j ACCEPT
    -R INPUT -j ACCEPT
    -D INPUT -j ACCEPT
    -C INPUT -j ACCEPT
    -A FOO -j ACCEPT
    -A INPUT -j FOO
    -A INPUT -g FOO
    -N FOO
    -N FOO
    -N ACCEPT
    -N LOG
    -N -foo
    -N "a b"
    -N 1234567890123456789012345678
    -N 12345678901234567890123456789
    -N INPUT
    -A INPUT -j FOO
    -X FOO
    -X INPUT
    -X BAR
    -A FOO -j ACCEPT
    -D INPUT -j FOO
    -X FOO
    -E FOO INPUT
    -E NONO FOO2
    -E FOO FOO
    -E FOO
    -P INPUT FOO
    -P FOO ACCEPT
    -P NONO ACCEPT
    -P INPUT RETURN
    -P INPUT QUEUE
    -P INPUT
    -P INPUT DROP -c 5 6
    -v -S
    -P INPUT ACCEPT
    -v -S
    -Z INPUT 5
    -Z INPUT
    -Z NONO
    -F NONO
    -L NONO
    -S NONO
    -S INPUT 3
    -L INPUT 3
    -t foo -L
    -A FOO -j FOO
    -A INPUT -j FOO
    -A FOO -j FOO
    -A INPUT
    -A
    -V
    -Q
    --foo
    -A INPUT -m stat
    -A INPUT -p tcp -m tcp --dport 99999
    -A PREROUTING -j ACCEPT
    -S
    -S INPUT
    -S FOO
    -S -v
    -w -S INPUT 1
    -w 5 -S INPUT 1
    -w5 -S INPUT 1
    -w x -S
    -I INPUT -s 1.1.1.1,2.2.2.2 -j ACCEPT
    -S INPUT
    -I INPUT 2 -s 3.3.3.3,4.4.4.4 -j ACCEPT
    -S INPUT
    -R INPUT 1 -s 1.1.1.1,2.2.2.2 -j DROP
    -D INPUT -s 1.1.1.1,2.2.2.2 -j ACCEPT
    -X
    -S
    -F
    -X
    -4 -S
    -n -S
    -A INPUT -p tcp --dport 22 -j ACCEPT -n
    -A INPUT -c 5 6 -j ACCEPT
    -S -v
    -vS INPUT 1
    -L -nvx --line-numbers
    -L -nv
    -L
    -F
    -A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m state --state NEW -m limit --limit 3/min -m comment --comment "a b" -j LOG --log-prefix "x y" -c 12345678 1234567890123
    -A INPUT -i eth0 ! -s 1.2.3.4 -d 10.0.0.0/255.0.255.0 -f -p 50 -j REJECT -c 99999 100000
    -N chain
    -A FORWARD -p icmp --icmp-type echo-request -g chain -c 100001 9999999
    -A FORWARD -p icmp ! --icmp-type 3/1 -j chain -c 10000000 9999999999
    -A FORWARD -p icmp --icmp-type 3/1 -j chain
    -A FORWARD -p icmp --icmp-type any -j chain
    -A FORWARD -p icmp ! --icmp-type 8
    -A FORWARD -p tcp --syn -m mark --mark 0x1/0xff -m conntrack ! --ctstate NEW,RELATED -j MARK --set-mark 5
    -A FORWARD -p tcp -m multiport ! --dports 22,80:90 -m mac --mac-source 00:11:22:33:44:55 -j TCPMSS --clamp -p tcp --tcp-flags SYN,RST SYN
    -A FORWARD -p tcp -m multiport ! --dports 22,80:90 -m mac ! --mac-source 00:11:22:33:44:55
    -A FORWARD -p tcp -m multiport --ports 22,80:90 -m mac --mac-source 00:11:22:33:44:55 ! -o eth9
    -A FORWARD -m addrtype ! --src-type LOCAL --dst-type UNICAST,LOCAL -m length --length 5:6 -m ttl --ttl-gt 5 -m tos --tos 0x10 -m dscp --dscp 4 -m pkttype --pkt-type broadcast
    -A FORWARD -m length ! --length 5 -m ttl ! --ttl-eq 5 -m tos ! --tos 0x10 -m dscp ! --dscp 4 -m pkttype ! --pkt-type broadcast
    -A FORWARD -m recent --set --name X -m iprange --src-range 1.2.3.4-1.2.3.5 -m connmark --mark 1 -m helper --helper ftp -m statistic --mode nth --every 3 --packet 0
    -A FORWARD -m recent ! --update --seconds 3 --hitcount 4 --rttl --name X -m iprange ! --dst-range 1.2.3.4-1.2.3.5 -m connmark ! --mark 1/3 -m helper ! --helper ftp -m statistic --mode random ! --probability 0.25 -m mark ! --mark 3
    -A FORWARD -m conntrack --ctstate NEW --ctproto 6 ! --ctorigsrc 1.2.3.4 --ctdir REPLY --ctstatus ASSURED ! --ctexpire 5:6 --ctorigdstport 3
    -A FORWARD -p tcp ! --sport 5 --dport 80 --tcp-option 5 ! --tcp-flags ALL NONE
    -A FORWARD -p udp --sport 53 ! --dport 1:1023
    -A FORWARD -p tcp -j REJECT --reject-with tcp-reset
    -A FORWARD -m limit --limit 5/hour --limit-burst 9 -j LOG --log-level debug --log-tcp-sequence --log-macdecode --log-ip-options
    -A FORWARD ! -f ! -p tcp
    -L -n -v --line-numbers
    -L -n -v -x
    -L -n
    -L FORWARD 2 -n
    -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.1:8080-8090 --random
    -t nat -A POSTROUTING -o eth0 -p tcp -j MASQUERADE --to-ports 1024-2048 --random
    -t nat -A POSTROUTING -j SNAT --to 1.2.3.4-1.2.3.8 --persistent
    -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 80
    -t nat -A PREROUTING -j NETMAP --to 10.0.0.0/24
    -t nat -nvL
    -t raw -A PREROUTING -j CT --zone 5
    -t raw -A PREROUTING -j CT --notrack
    -t raw -A PREROUTING -j CT --ctevents new
    -t raw -A PREROUTING -j NOTRACK
    -t raw -nL
    -t mangle -A FORWARD -j CONNMARK --save-mark --mask 5
    -t mangle -A FORWARD -j CONNMARK --save-mark
    -t mangle -A FORWARD -j CONNMARK --restore-mark --nfmask 3
    -t mangle -A FORWARD -j CONNMARK --set-mark 5/5
    -t mangle -A FORWARD -j CONNMARK --set-mark 5
    -t mangle -A FORWARD -j CONNMARK --and-mark 5
    -t mangle -A FORWARD -j CONNMARK --xor-mark 5
    -t mangle -A FORWARD -j TOS --set-tos 0x10
    -t mangle -A FORWARD -j TOS --and-tos 0x10
    -t mangle -A FORWARD -j TOS --or-tos 0x10
    -t mangle -A FORWARD -j TOS --xor-tos 0x10
    -t mangle -A FORWARD -j TOS --set-tos 0x10/0x10
    -t mangle -A FORWARD -j DSCP --set-dscp 4
    -t mangle -A FORWARD -j TTL --ttl-inc 4
    -t mangle -A FORWARD -j TTL --ttl-dec 4
    -t mangle -A FORWARD -j TTL --ttl-set 4
    -t mangle -A FORWARD -p tcp --syn -j TCPMSS --set-mss 5
    -t mangle -A FORWARD -p tcp --syn -j TCPMSS --clamp
    -t mangle -A FORWARD -j MARK --or-mark 4
    -t mangle -A FORWARD -j MARK --and-mark 4
    -t mangle -A FORWARD -j MARK --set-xmark 4/3
    -t mangle -A FORWARD -j MARK --set-mark 4
    -t mangle -A FORWARD -j MARK --set-mark 0
    -t mangle -A FORWARD -j MARK --xor-mark 4
    -t mangle -A FORWARD -j CLASSIFY --set-class 1:5
    -t mangle -A FORWARD -j TEE --gateway 1.2.3.4
    -t mangle -A FORWARD -j NFLOG --nflog-group 5
    -t mangle -A FORWARD -p tcp -j ECN --ecn-tcp-remove
    -t mangle -A FORWARD -p udp -j CHECKSUM --checksum-fill
    -t mangle -A FORWARD -j AUDIT --type drop
    -t mangle -A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 5
    -t mangle -nL
    -t raw -A PREROUTING -j TRACE
    -t raw -A PREROUTING -m hashlimit --hashlimit-upto 5/min --hashlimit-name x --hashlimit-mode srcip -m rpfilter --loose -m time --timestart 5:00 -m u32 --u32 "0=0" -m string --algo bm --string a -m quota --quota 5 -m cpu --cpu 1 -m connlimit --connlimit-above 4 -m connbytes --connbytes 4 --connbytes-mode packets --connbytes-dir both
    -t raw -nL
    """#.split(separator: "\n").map(String.init)

/// A file as iptables-restore reads it, each onto what the one before left.
struct RestoreFile: Sendable {
    var name: String
    var options: [String] = []
    var text: String
}

let restoreFiles = [
    RestoreFile(
        name: "a gateway",
        text: """
            # a small office
            *filter
            :INPUT DROP [0:0]
            :FORWARD DROP [10:20]
            :OUTPUT ACCEPT [0:0]
            :zlast - [0:0]
            :alast - [0:0]
            [5:6] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A INPUT -i lan0 -p tcp --dport ssh -j ACCEPT
            -A FORWARD -s 10.0.0.0/24,10.0.1.0/24 -d 192.0.2.1,192.0.2.2 -j zlast
            -A zlast -g alast
            -A alast -m limit --limit 5/min -j LOG --log-prefix "dropped: "
            -A alast -p tcp --dport 113 -j REJECT --reject-with tcp-reset
            COMMIT
            *nat
            -A POSTROUTING -o wan0 -j MASQUERADE
            -A PREROUTING -i wan0 -p tcp --dport 80 -j DNAT --to 10.0.0.2:8080
            COMMIT

            """),
    RestoreFile(
        name: "counters",
        options: ["--counters"],
        text: """
            *mangle
            :PREROUTING ACCEPT [1:2]
            :FORWARD DROP [3:4]
            [7:8] -A PREROUTING -p tcp --dport 25 -j TOS --set-tos Minimize-Cost
            -A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu -c 9 10
            COMMIT

            """),
    RestoreFile(
        name: "added to what is there",
        options: ["--noflush"],
        text: """
            *filter
            :zlast - [0:0]
            :middle - [0:0]
            -I INPUT 2 -i lo -j ACCEPT
            -D FORWARD -s 10.0.1.0/24 -d 192.0.2.2 -j zlast
            -A middle -s 10.9.0.0/16 -j RETURN
            -A OUTPUT -j middle
            -R INPUT 1 -m state --state ESTABLISHED -j ACCEPT
            -P OUTPUT DROP
            -N newer
            -E newer brandnew
            -A brandnew -j ACCEPT
            -F brandnew
            -X brandnew
            -Z INPUT
            COMMIT

            """),
    RestoreFile(
        name: "a policy that is not named stays, rules do not",
        text: """
            *filter
            -A FORWARD -j ACCEPT
            COMMIT
            *raw
            -A PREROUTING -p udp --dport 53 -j NOTRACK
            -6 -A PREROUTING -p ipv6-icmp -j NOTRACK
            COMMIT

            """),
]
