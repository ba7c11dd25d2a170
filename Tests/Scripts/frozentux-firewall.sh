#!/bin/sh
# A gateway with one fixed address, as tutorials of the 2.4 kernels lay it out: chains of their own for bad TCP, allowed TCP, and what comes
# in by protocol.
INET_IP="194.236.50.155"
INET_IFACE="eth0"
INET_BROADCAST="194.236.50.255"
LAN_IP="192.168.0.2"
LAN_IP_RANGE="192.168.0.0/16"
LAN_IFACE="eth1"
LO_IFACE="lo"
LO_IP="127.0.0.1"
IPTABLES="/usr/sbin/iptables"

$IPTABLES -P INPUT DROP
$IPTABLES -P OUTPUT DROP
$IPTABLES -P FORWARD DROP
$IPTABLES -N bad_tcp_packets
$IPTABLES -N allowed
$IPTABLES -N tcp_packets
$IPTABLES -N udp_packets
$IPTABLES -N icmp_packets
$IPTABLES -A bad_tcp_packets -p tcp --tcp-flags SYN,ACK SYN,ACK \
-m state --state NEW -j REJECT --reject-with tcp-reset
$IPTABLES -A bad_tcp_packets -p tcp ! --syn -m state --state NEW -j LOG \
--log-prefix "New not syn:"
$IPTABLES -A bad_tcp_packets -p tcp ! --syn -m state --state NEW -j DROP
$IPTABLES -A bad_tcp_packets -p tcp -i $LAN_IFACE ! --syn -j DROP
$IPTABLES -A allowed -p TCP --syn -j ACCEPT
$IPTABLES -A allowed -p TCP -m state --state ESTABLISHED,RELATED -j ACCEPT
$IPTABLES -A allowed -p TCP -j DROP
$IPTABLES -A tcp_packets -p TCP -s 0/0 --dport 21 -j allowed
$IPTABLES -A tcp_packets -p TCP -s 0/0 --dport 22 -j allowed
$IPTABLES -A tcp_packets -p TCP -s 0/0 --dport 80 -j allowed
$IPTABLES -A tcp_packets -p TCP -s 0/0 --dport 113 -j allowed
$IPTABLES -A udp_packets -p UDP -s 0/0 --source-port 53 -j ACCEPT
$IPTABLES -A udp_packets -p UDP -s 0/0 --destination-port 123 -j ACCEPT
$IPTABLES -A udp_packets -p UDP -s 0/0 --source-port 2074 -j ACCEPT
$IPTABLES -A udp_packets -p UDP -s 0/0 --source-port 4000 -j ACCEPT
$IPTABLES -A udp_packets -p UDP -i $INET_IFACE -d $INET_BROADCAST \
--destination-port 135:139 -j DROP
$IPTABLES -A udp_packets -p UDP -i $INET_IFACE -d 255.255.255.255 \
--destination-port 67:68 -j DROP
$IPTABLES -A icmp_packets -p ICMP -s 0/0 --icmp-type 8 -j ACCEPT
$IPTABLES -A icmp_packets -p ICMP -s 0/0 --icmp-type 11 -j ACCEPT
$IPTABLES -A INPUT -p tcp -j bad_tcp_packets
$IPTABLES -A INPUT -p ALL -i $LAN_IFACE -s $LAN_IP_RANGE -j ACCEPT
$IPTABLES -A INPUT -p ALL -i $LO_IFACE -s $LO_IP -j ACCEPT
$IPTABLES -A INPUT -p ALL -i $LO_IFACE -s $LAN_IP -j ACCEPT
$IPTABLES -A INPUT -p ALL -i $LO_IFACE -s $INET_IP -j ACCEPT
$IPTABLES -A INPUT -p UDP -i $LAN_IFACE --dport 67 --sport 68 -j ACCEPT
$IPTABLES -A INPUT -p ALL -d $INET_IP -m state --state ESTABLISHED,RELATED \
-j ACCEPT
$IPTABLES -A INPUT -p TCP -i $INET_IFACE -j tcp_packets
$IPTABLES -A INPUT -p UDP -i $INET_IFACE -j udp_packets
$IPTABLES -A INPUT -p ICMP -i $INET_IFACE -j icmp_packets
$IPTABLES -A INPUT -i $INET_IFACE -d 224.0.0.0/8 -j DROP
$IPTABLES -A INPUT -m limit --limit 3/minute --limit-burst 3 -j LOG \
--log-level DEBUG --log-prefix "IPT INPUT packet died: "
$IPTABLES -A FORWARD -p tcp -j bad_tcp_packets
$IPTABLES -A FORWARD -i $LAN_IFACE -j ACCEPT
$IPTABLES -A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
$IPTABLES -A FORWARD -m limit --limit 3/minute --limit-burst 3 -j LOG \
--log-level DEBUG --log-prefix "IPT FORWARD packet died: "
$IPTABLES -A OUTPUT -p tcp -j bad_tcp_packets
$IPTABLES -A OUTPUT -p ALL -s $LO_IP -j ACCEPT
$IPTABLES -A OUTPUT -p ALL -s $LAN_IP -j ACCEPT
$IPTABLES -A OUTPUT -p ALL -s $INET_IP -j ACCEPT
$IPTABLES -A OUTPUT -m limit --limit 3/minute --limit-burst 3 -j LOG \
--log-level DEBUG --log-prefix "IPT OUTPUT packet died: "
$IPTABLES -t nat -A POSTROUTING -o $INET_IFACE -j SNAT --to-source $INET_IP

# The same with a DMZ.
DMZ_HTTP_IP="192.168.1.2"
DMZ_DNS_IP="192.168.1.3"
HTTP_IP="194.236.50.153"
DNS_IP="194.236.50.154"
DMZ_IFACE="eth2"
$IPTABLES -A FORWARD -i $DMZ_IFACE -o $INET_IFACE -j ACCEPT
$IPTABLES -A FORWARD -i $INET_IFACE -o $DMZ_IFACE -m state --state ESTABLISHED,RELATED -j ACCEPT
$IPTABLES -A FORWARD -p TCP -i $INET_IFACE -o $DMZ_IFACE -d $DMZ_HTTP_IP --dport 80 -j allowed
$IPTABLES -A FORWARD -p ICMP -i $INET_IFACE -o $DMZ_IFACE -d $DMZ_HTTP_IP -j icmp_packets
$IPTABLES -A FORWARD -p UDP -i $INET_IFACE -o $DMZ_IFACE -d $DMZ_DNS_IP --dport 53 -j ACCEPT
$IPTABLES -t nat -A PREROUTING -p TCP -i $INET_IFACE -d $HTTP_IP --dport 80 -j DNAT --to-destination $DMZ_HTTP_IP
$IPTABLES -t nat -A PREROUTING -p UDP -i $INET_IFACE -d $DNS_IP --dport 53 -j DNAT --to-destination $DMZ_DNS_IP

# Spellings of older days, which 1.8.9 refuses or still takes.
$IPTABLES -A INPUT -p tcp --syn -m state --state ! NEW -j DROP
$IPTABLES -A INPUT -p tcp -s ! 192.168.0.0/16 -j DROP
$IPTABLES -A INPUT -i ! eth0 -j DROP
$IPTABLES -A INPUT -p ! tcp -j DROP
$IPTABLES -A INPUT -p tcp --dport ! 22 -j DROP
$IPTABLES -A INPUT -p tcp --tcp-flags ! SYN,FIN,ACK SYN -j DROP
$IPTABLES -A INPUT -p icmp --icmp-type ! 8 -j DROP
$IPTABLES -A INPUT -p tcp -m mport --ports 22,80 -j DROP
$IPTABLES -A INPUT -m limit --limit 5/s --limit-burst 10/second
$IPTABLES -t mangle -A PREROUTING -i eth0 -j MARK --mark 3
$IPTABLES -t mangle -A PREROUTING -p tcp --dport 22 -j TOS --set-tos Minimize-Delay
$IPTABLES -t mangle -A PREROUTING -p tcp --dport 20 -j TOS --set-tos 8
$IPTABLES -t mangle -A OUTPUT -p tcp --dport 25 -j TOS --set-tos 0x02
$IPTABLES -t mangle -A PREROUTING -i eth0 -j TTL --ttl-inc 1
$IPTABLES -t nat -A PREROUTING -p tcp -d 15.45.23.67 --dport 80 -j DNAT --to-destination 192.168.1.1-192.168.1.10
$IPTABLES -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.5:8080
$IPTABLES -t nat -A POSTROUTING -p tcp -o eth0 -j SNAT --to-source 194.236.50.155-194.236.50.160:1024-32000
$IPTABLES -t nat -A POSTROUTING -p TCP -j MASQUERADE --to-ports 1024-31000
$IPTABLES -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080
$IPTABLES -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-port 8080
$IPTABLES -t nat -A PREROUTING -d 10.1.0.0/24 -j NETMAP --to 192.168.5.0/24
$IPTABLES -A OUTPUT -m owner --uid-owner 500 -j ACCEPT
$IPTABLES -A OUTPUT -m owner --gid-owner root
$IPTABLES -A OUTPUT -m owner --pid-owner 78
$IPTABLES -A OUTPUT -m owner --cmd-owner httpd
$IPTABLES -A INPUT -m ttl --ttl 60
$IPTABLES -A INPUT -p tcp -m tos --tos 0x16
$IPTABLES -A INPUT -p tcp -m tos --tos Maximize-Throughput
$IPTABLES -A INPUT -p tcp -m length --length 1400:1500
$IPTABLES -A INPUT -m mac --mac-source 00:00:00:00:00:01
$IPTABLES -A INPUT -p tcp -m multiport --source-port 22,53,80,110
$IPTABLES -A INPUT -p tcp -m multiport --destination-port 22,53,80,110
$IPTABLES -A INPUT -p tcp -m multiport --port 22,53,80,110
$IPTABLES -A INPUT -m recent --name SSH --rcheck --seconds 60 --hitcount 4 --rttl -j DROP
$IPTABLES -A INPUT -m recent --name SSH --set
$IPTABLES -A INPUT -m recent ! --rcheck
$IPTABLES -A INPUT -p 51 -m ah --ahspi 500
$IPTABLES -A INPUT -p 50 -m esp --espspi 200:500
$IPTABLES -A INPUT -m pkttype --pkt-type unicast
$IPTABLES -A INPUT -m helper --helper ftp-21
$IPTABLES -A INPUT -p tcp -m connmark --mark 12 -j ACCEPT
$IPTABLES -A INPUT -p tcp -m iprange --src-range 192.168.1.13-192.168.2.19
$IPTABLES -A INPUT -m dscp --dscp-class BE
$IPTABLES -A INPUT -p tcp -m ecn --ecn-tcp-cwr
$IPTABLES -A INPUT -p ip -m ecn --ecn-ip-ect 1
$IPTABLES -A FORWARD -m realm --realm 4
$IPTABLES -A INPUT -p sctp --chunk-types any INIT,INIT_ACK
$IPTABLES -A INPUT -p tcp --tcp-option 16
$IPTABLES -A INPUT -p tcp --tcp-option ! 16
$IPTABLES -A OUTPUT -p tcp -j REJECT --reject-with icmp-net-unreachable
$IPTABLES -A FORWARD -p tcp -j REJECT --reject-with icmp-admin-prohibited
$IPTABLES -A FORWARD -p tcp -j REJECT --reject-with host-prohib
$IPTABLES -A INPUT -p tcp -j LOG --log-level debug --log-prefix "INPUT packets" --log-tcp-sequence --log-tcp-options --log-ip-options
$IPTABLES -A INPUT -p tcp -j LOG --log-prefix "0123456789012345678901234567890"
$IPTABLES -A INPUT -p tcp -j LOG --log-level 7
$IPTABLES -A INPUT -p tcp -j LOG --log-level panic
$IPTABLES -A INPUT -p tcp -j LOG --log-level 8
$IPTABLES -t mangle -A POSTROUTING -p tcp --dport 80 -j CLASSIFY --set-class 20:10
$IPTABLES -t mangle -A PREROUTING -j CONNMARK --restore-mark --mask 12
$IPTABLES -t mangle -A FORWARD -p tcp --dport 80 -j DSCP --set-dscp-class EF
$IPTABLES -t mangle -A POSTROUTING -p tcp --tcp-flags SYN,RST SYN -o eth0 -j TCPMSS --set-mss 1460
$IPTABLES -t mangle -A POSTROUTING -p tcp --tcp-flags SYN,RST SYN -o eth0 -j TCPMSS --clamp-mss-to-pmtu
$IPTABLES -L -n --line-numbers
$IPTABLES -D INPUT 3
$IPTABLES -R INPUT 1 -s 192.168.0.1 -j DROP
$IPTABLES -I INPUT 1 --dport 80 -j ACCEPT
$IPTABLES -I INPUT 1 -p tcp --dport 80 -j ACCEPT
$IPTABLES -E allowed disallowed
$IPTABLES -X allowed
$IPTABLES --list INPUT
$IPTABLES --flush OUTPUT
$IPTABLES --zero INPUT
