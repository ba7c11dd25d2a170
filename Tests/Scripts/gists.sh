# What people copy from each other: fail2ban, csf, hotspots, and recipes against floods.

# fail2ban
iptables -w -N f2b-sshd
iptables -w -A f2b-sshd -j RETURN
iptables -w -I INPUT -p tcp -m multiport --dports ssh,2222 -j f2b-sshd
iptables -w -n -L INPUT
iptables -w -I f2b-sshd 1 -s 203.0.113.7 -j REJECT --reject-with icmp-port-unreachable
iptables -w -I f2b-sshd 1 -s 203.0.113.8/32 -j DROP
iptables -w -C f2b-sshd -s 203.0.113.9 -j DROP
iptables -w -D f2b-sshd -s 203.0.113.7 -j REJECT --reject-with icmp-port-unreachable
iptables -w -D f2b-sshd -s 203.0.113.7 -j REJECT --reject-with icmp-port-unreachable
iptables -w -D INPUT -p tcp -m multiport --dports ssh,2222 -j f2b-sshd
iptables -w -F f2b-sshd
iptables -w -X f2b-sshd
iptables -w -X f2b-sshd
iptables -I INPUT -p all -m recent --update --seconds 3600 --name f2b-sshd -j REJECT --reject-with icmp-port-unreachable
iptables -w --flush INPUT

# csf and lfd
iptables -v -A INPUT -i lo -j ACCEPT
iptables -v -N LOGDROPIN
iptables -v -N DENYIN
iptables -v -N ALLOWIN
iptables -v -N SYNFLOOD
iptables -v -N CONNLIMIT
iptables -v -A LOGDROPIN -p tcp --dport 67 -j DROP
iptables -v -A LOGDROPIN -p tcp -m limit --limit 30/m --limit-burst 5 -j LOG --log-prefix 'Firewall: *TCP_IN Blocked* '
iptables -v -A LOGDROPIN -j DROP
iptables -v -A SYNFLOOD -m limit --limit 100/s --limit-burst 150 -j RETURN
iptables -v -A SYNFLOOD -m limit --limit 30/m -j LOG --log-prefix 'Firewall: *SYNFLOOD Blocked* '
iptables -v -A SYNFLOOD -j DROP
iptables -v -A CONNLIMIT -p tcp -j REJECT --reject-with tcp-reset
iptables -v -I INPUT -p tcp --syn --dport 22 -m connlimit --connlimit-above 5 -j CONNLIMIT
iptables -v -I INPUT ! -i lo -p tcp --syn -j SYNFLOOD
iptables -v -A INPUT ! -i lo -p tcp -m conntrack --ctstate INVALID -j DROP
iptables -v -A INPUT ! -i lo -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -v -A INPUT ! -i lo -m conntrack --ctstate NEW -p tcp --dport 20 -j ACCEPT
iptables -v -A INPUT ! -i lo -p icmp --icmp-type echo-request -m limit --limit 1/s -j ACCEPT
iptables -v -I ALLOWIN ! -i lo -s 192.0.2.1 -j ACCEPT
iptables -v -I INPUT 1 ! -i lo -j ALLOWIN
iptables -v -A INPUT ! -i lo -j LOGDROPIN
iptables -v -I DENYIN ! -i lo -s 198.51.100.0/24,203.0.113.0/24 -j DROP
iptables -v -D DENYIN ! -i lo -s 203.0.113.0/24 -j DROP
iptables -v -P INPUT DROP
iptables -v -t nat -F
iptables -v -F CONNLIMIT
iptables -v -Z CONNLIMIT
iptables -v -X CONNLIMIT
iptables -v -F
iptables -v -X
iptables -v -L -n
iptables -P INPUT ACCEPT

# floods
iptables -t mangle -A PREROUTING -m conntrack --ctstate INVALID -j DROP
iptables -t mangle -A PREROUTING -p tcp ! --syn -m conntrack --ctstate NEW -j DROP
iptables -t mangle -A PREROUTING -p tcp -m conntrack --ctstate NEW -m tcpmss ! --mss 536:65535 -j DROP
for flags in "FIN,SYN FIN,SYN" "SYN,RST SYN,RST" "FIN,RST FIN,RST" "ALL ALL" "ALL NONE" "ALL FIN,PSH,URG" "ALL SYN,FIN,PSH,URG"; do
iptables -t mangle -A PREROUTING -p tcp --tcp-flags $flags -j DROP
done
iptables -t mangle -A PREROUTING -p tcp --tcp-flags FIN,SYN FIN,SYN -j DROP
iptables -t mangle -A PREROUTING -p tcp --tcp-flags ALL ALL -j DROP
iptables -t mangle -A PREROUTING -p tcp --tcp-flags ACK,URG URG -j DROP
for net in 224.0.0.0/3 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.168.0.0/16 10.0.0.0/8 0.0.0.0/8 240.0.0.0/5; do
iptables -t mangle -A PREROUTING -s $net -j DROP
done
iptables -t mangle -A PREROUTING -s 127.0.0.0/8 ! -i lo -j DROP
iptables -t mangle -A PREROUTING -f -j DROP
iptables -t raw -D PREROUTING -p tcp -m tcp --syn -j CT --notrack
iptables -t raw -A PREROUTING -p tcp -m tcp --syn -j CT --notrack
iptables -A INPUT -p tcp -m tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
iptables -A INPUT -p tcp -m connlimit --connlimit-above 80 -j REJECT --reject-with tcp-reset
iptables -A INPUT -p tcp -m conntrack --ctstate NEW -m limit --limit 60/s --limit-burst 20 -j ACCEPT
iptables -A INPUT -p tcp --tcp-flags RST RST -m limit --limit 2/s --limit-burst 2 -j ACCEPT
iptables -N port-scanning
iptables -A port-scanning -p tcp --tcp-flags SYN,ACK,FIN,RST RST -m limit --limit 1/s --limit-burst 2 -j RETURN
iptables -A port-scanning -j DROP
iptables -A INPUT -p tcp --dport ssh -m conntrack --ctstate NEW -m recent --set
iptables -A INPUT -p tcp --dport ssh -m conntrack --ctstate NEW -m recent --update --seconds 60 --hitcount 10 -j DROP
iptables -A INPUT -p udp -m u32 --u32 "28&0x0000FF00=0x00000100" -j DROP
iptables -A INPUT -p udp --dport 27015 -m string --algo bm --hex-string '|ffffffff54536f7572636520|' -m hashlimit --hashlimit 15/sec --hashlimit-burst 10 --hashlimit-mode srcip,dstport --hashlimit-name a2s --hashlimit-htable-expire 20000 -j ACCEPT
iptables -A INPUT -p udp -m length --length 0:28 -j DROP
iptables -A INPUT -p udp --dport 53 -m string --hex-string "|03|www|07|example|03|com|00|" --algo kmp --from 40 --to 80 -j DROP
iptables -A FORWARD -p tcp --dport 80 -m string --string "BitTorrent protocol" --algo bm --to 65535 -j DROP
iptables -A FORWARD -m string --string 'Host: bad.example' --algo bm --icase -j REJECT
iptables -A INPUT -m state --state NEW -m recent --name portscan --rcheck --seconds 86400 -j DROP
iptables -A INPUT -p tcp -m tcp --dport 139 -m recent --name portscan --set -j LOG --log-prefix "Portscan:"
iptables -A INPUT -m pkttype --pkt-type broadcast -j DROP
iptables -A INPUT -p icmp -m icmp --icmp-type address-mask-request -j DROP
iptables -A INPUT -p icmp -m icmp --icmp-type timestamp-request -j DROP
iptables -A INPUT -p icmp -m icmp -m limit --limit 1/second -j ACCEPT
iptables -A INPUT -p icmp --icmp-type 8/0 -j ACCEPT
iptables -A INPUT -m geoip --src-cc CN -j DROP
iptables -A INPUT -m psd -j DROP
iptables -A INPUT -p tcp -m tcp --dport 22 -j TARPIT
iptables -A INPUT -p tcp -m iplimit --iplimit-above 5 -j DROP
iptables -A INPUT -j DROP -m limit
iptables -A FORWARD -m layer7 --l7proto bittorrent -j DROP
iptables -A FORWARD -m ipp2p --bit -j DROP
iptables -A INPUT -i eth0:1 -j DROP
iptables -A INPUT -i toolonginterfacename -j DROP
iptables -A INPUT -i eth+ -o eth1 -j DROP
iptables -A INPUT -i + -j ACCEPT
iptables -A FORWARD -i + -o + -j LOG
iptables -C FORWARD -j LOG
iptables -C INPUT -j ACCEPT
iptables -A INPUT -s 10.0.0.1/255.0.255.0 -d 1.2.3.4/32 -j DROP
iptables -A INPUT -s 10.1.2.3/8 -j DROP
iptables -A INPUT -s 10.1 -j DROP
iptables -A INPUT -s 10 -j DROP
iptables -A INPUT -s 10.1.2.3.4 -j DROP
iptables -A INPUT -s 300.1.2.3 -j DROP
iptables -A INPUT -s 10.0.0.0/ -j DROP
iptables -A INPUT -s 10.0.0.0/33 -j DROP
iptables -A INPUT -s /24 -j DROP
iptables -A INPUT -s "" -j DROP
iptables -A INPUT -s 0x0a000001 -j DROP
iptables -A INPUT -s 10.0.0.1,,10.0.0.2 -j DROP
iptables -A INPUT -s 10.0.0.1, -j DROP
iptables -A INPUT ! -s 10.0.0.1,10.0.0.2 -j DROP
iptables -A INPUT -s 0.0.0.0/0 -d 0/0 -j DROP
iptables -A INPUT ! -s 0.0.0.0/0 -j DROP
iptables -A INPUT ! -d 1.2.3.4/0 -j DROP
iptables -A INPUT -p 0 -j DROP
iptables -A INPUT -p all -j DROP
iptables -A INPUT ! -p all -j DROP
iptables -A INPUT -p 256 -j DROP
iptables -A INPUT -p TCP --dport HTTP -j DROP
iptables -A INPUT -p ipv6-icmp -j DROP
iptables -A INPUT -p 41 -j DROP
iptables -A INPUT -ptcp -j DROP
iptables -A INPUT -p tcp -j DROP --dport=80 --sport=1024:
iptables -AINPUT -j DROP
iptables --append INPUT --protocol tcp --destination-port 80 --jump ACCEPT
iptables --insert INPUT 1 --protocol tcp --dport 80 --jump ACCEPT --set-counters 5 6
iptables --check INPUT --protocol tcp --dport 80 --jump ACCEPT
iptables --delete INPUT --protocol tcp --dport 80 --jump ACCEPT
iptables --replace INPUT 1 --jump DROP
iptables --list-rules INPUT 1
iptables --list INPUT --numeric --verbose --exact --line-numbers
iptables --new one
iptables --new-chain one
iptables --rename one two
iptables --rename-chain one two
iptables --delete-chain two
iptables --policy FORWARD DROP
iptables --zero INPUT 1
iptables --flush
iptables -A INPUT -p tcp --dport 80 -p udp -j DROP
iptables -A INPUT -p tcp --dport 1 -m udp -j DROP
iptables -A INPUT -p udp -m tcp --dport 1 -j DROP
iptables -A INPUT -m tcp --dport 80 -j ACCEPT
iptables -A INPUT -m tcp -p tcp --dport 80 -m tcp --sport 5 -j ACCEPT
iptables -A INPUT -m comment --comment "" -j ACCEPT
iptables -A INPUT -m comment --comment "it's \"quoted\" \\ and more" -j ACCEPT
iptables -A INPUT -m multiport --dports 80,443 -p tcp -j ACCEPT
iptables -A INPUT -m multiport --dports 80,443 -j ACCEPT
iptables -A INPUT -p icmp -m multiport --dports 80,443 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 1:2,3,4,5,6,7,8,9,10,11,12,13,14,15 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 5:3 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports "80, 443" -j ACCEPT
iptables -A INPUT -p tcp --dport 80,443 -j ACCEPT
iptables -A INPUT -p tcp --dport 80-90 -j ACCEPT
iptables -A INPUT -p tcp --dport 90:80 -j ACCEPT
iptables -A INPUT -p tcp --dport :80 -j ACCEPT
iptables -A INPUT -p tcp --dport 80: -j ACCEPT
iptables -A INPUT -p tcp --dport : -j ACCEPT
iptables -A INPUT -p tcp --dport -1 -j ACCEPT
iptables -A INPUT -p tcp --dport 65536 -j ACCEPT
iptables -A INPUT -m state --state NEW,ESTABLISHED, -j ACCEPT
iptables -A INPUT -m state --state new -j ACCEPT
iptables -A INPUT -m state --state NEW --state RELATED -j ACCEPT
iptables -A INPUT -m state NEW -j ACCEPT
iptables -A INPUT -m state -j ACCEPT
iptables -A INPUT --state NEW -j ACCEPT
iptables -A INPUT -j LOG --log-prefix
iptables -A INPUT -j LOG --log-prefix "a very long prefix that is longer than twenty-nine"
iptables -A INPUT -j LOG --log-level nonsense
iptables -A INPUT -j REJECT --reject-with nonsense
iptables -A INPUT -j REJECT --reject-with tcp-reset
iptables -A INPUT -j REJECT --reject-with icmp-host-unreach
iptables -A INPUT -j REJECT --reject-with port-unreach
iptables -A INPUT -j ACCEPT --log-prefix x
iptables -A INPUT -j accept
iptables -A INPUT -j Drop
iptables -A INPUT -j
iptables -A INPUT -j RETURN -j DROP
iptables -A input -j DROP
iptables -A
iptables -I INPUT 99 -j DROP
iptables -D INPUT 99
iptables -R INPUT 99 -j DROP
iptables -t nat -A PREROUTING -j DNAT
iptables -t nat -A PREROUTING -j DNAT --to-destination
iptables -t nat -A PREROUTING -j DNAT --to-destination 10.0.0.1:80
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination :80
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80-90
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:0
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:99999
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination host.invalid:80
iptables -t nat -A PREROUTING -p tcp --dport 8000:8010 -j DNAT --to-destination 10.0.0.1:9000-9010/8000
iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 80 --random
iptables -t nat -A POSTROUTING -j SNAT --to 1.2.3.4 --random-fully --persistent
iptables -t nat -A POSTROUTING -j SNAT --to 1.2.3.4 --to 1.2.3.5
iptables -t nat -A POSTROUTING -j MASQUERADE --to-ports 1024
iptables -t nat -A POSTROUTING -p udp -j MASQUERADE --to-ports 1024-2000 --random-fully
iptables -t nat -A POSTROUTING -i eth0 -j MASQUERADE
iptables -t nat -A PREROUTING -o eth0 -j DNAT --to 1.2.3.4
iptables -t nat -A FORWARD -j ACCEPT
iptables -t filter -A PREROUTING -j ACCEPT
iptables -t nat -A POSTROUTING -j DROP
iptables -t Nat -L

# a hotspot
ipset create allowed hash:ip
iptables -t mangle -N chilli
iptables -t mangle -I PREROUTING -i eth1 -j DROP
iptables -I FORWARD -i tun0 ! -o eth0 -j DROP
iptables -I FORWARD -i tun0 -o eth0 -m set ! --match-set allowed src -j DROP
iptables -I FORWARD -i tun0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
iptables -t mangle -I FORWARD -i tun0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
iptables -I INPUT -i tun0 -d 255.255.255.255 -p udp --destination-port 67:68 -j ACCEPT
iptables -I INPUT -i tun0 -p tcp -m tcp --dport 3990 --dst 10.1.0.1 -j ACCEPT
iptables -t nat -N internet
iptables -t nat -A internet -m mac --mac-source 00-11-22-33-44-55 -j RETURN
iptables -t nat -A internet -m mac --mac-source 00:11:22:33:44:5G -j RETURN
iptables -t nat -A internet -m mac --mac-source 0:1:2:3:4:5 -j RETURN
iptables -t mangle -A chilli -m mac --mac-source 00:11:22:AA:BB:CC -j MARK --set-mark 99
iptables -t mangle -A chilli -m mark ! --mark 99 -m time --timestart 8:00 --timestop 20:00 -j TTL --ttl-set 64
iptables -t nat -A internet -p tcp --dport 80 -j REDIRECT --to-port 3128
iptables -t nat -A internet -m quota --quota 104857600 -j ACCEPT

# A bare plus is a condition to the kernel: what follows such a rule can be come to, and may lead in a circle.
iptables -F
iptables -X
iptables -N one
iptables -N two
iptables -A INPUT -j one
iptables -A one -i + -j RETURN
iptables -A one -j two
iptables -A two -j one
iptables -D one 1
iptables -I one -j RETURN
iptables -A two -j one
iptables -L one -n -v
iptables -A FORWARD ! -i eth+ -j DROP
iptables -v -I FORWARD -i + -o + -j ACCEPT
iptables -v -C FORWARD -j ACCEPT
iptables -C FORWARD -j DROP
iptables -v -D FORWARD -i + -j ACCEPT
iptables -D FORWARD ! -i eth+ -j DROP
