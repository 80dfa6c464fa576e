"""From m on."""

WORDS = """
mabel macarena macaroni macbeth macdaddy machine macintosh mack mackenzi mackenzie madcow maddie madeleine madeline
madison madman madmax madness madonna madrid maerz maeuschen mafia mafioso magdalena magellan maggie magic magical
magician magick magneto magnolia magnum magnus magpie magpies magyar mahalo maiden maier maike maine majesty major
malaga malaysia malcolm malibu malika mallard mallorca mamamia maman mamapapa mami mamita mammoth manage manager
manchester manchesterunited mancity mandalorian mandarin mandy manfred manga mango mangos manhattan maniac manifest
manila mann mannheim manolo manowar manson manuel manuela manunited manutd maple mapleleafs maplestory mara maradona
marathon marc marcel marcela marcella marcello marcelo march marcia marco marcos marcus mardi margaret margarete
margarita marge margot maria mariah mariahcarey mariana marianna marianne maribel maricel marie marijuana marilyn
marilynmanson marilynn marina marine mariners marines mario mariobros mariposa marisa marisol marissa maritza marius
marjorie mark markus marlbor marlboro marlene marley marlies marlin marlins maroc marriage married marriott mars
marseille marshall marshmallow marta martes martha martian martin martina martinez martini martins marvel marvin
mary maryland marzo maserati mason masseffect massimo master masterbate masterch masterchief masterkey mastermi
mastermind mastermix masterp masters mastiff matador matchbox mateo math mathe matheus mathew mathias mathieu
mathilde maths matrix matt matteo matthew matthias matthieu maui maureen maurice mauricio maurizio maus mausi
maverick mavericks max123 maxie maxima maximilian maximum maximus maxine maxwell maya maybe mayday mayhem mayo
maypole mayra mazda mccartney meatball meathead meatloaf mechanic medalofhonor medellin medical medicine medusa
megadeth megaman megan megane megatron meghan mehmet melanie melbourne melinda melissa mellow melodia melodie melody
melon melvin memorex memories memory memphis menace mendoza mental meow meowmeow mercedes mercedesbenz mercredi
mercury mercy merda merde meredith merlin merlot mermaid messenger messi metal metalgear metalhead metallic
metallica meteor metro metroid mets mewtwo mexican mexicana mexicano mexico meyer mia123 miami miamiheat miamor
miata micah michael michaela michaeljackson michaeljordan micheal michel michelangelo michele michelle michigan
mickey mickeymouse micro micron microsoft midget midnight midnite miercoles mierda mighty mightymouse miguel mike
miketyson mikey milan milano mildred milena miles miley mileycyrus military milk milkman milkshake milkyway
millenium millennium miller millie million millionaire millions millwall milwaukee mina mine minecraf minecraft
mineonly mini minicooper minimum minion minions minister minneapolis minnesota minnie minotaur minsk mira miracle
miracles mirage miranda miriam mischief misfits miss missing mission mississi mississippi missouri missy mistake
mister mistress misty mitchell mitsubishi mittwoch mivida mjackson mnbvcxy mnbvcxz mobile moby mocha model models
modern modernwarfare mohamed mohammad mohammed mohammedali moin mojo mojojojo mollie molly momdad mommy monaco
monday monde mondeo monet money moneymaker moneyman moneys monica monika monique monitor monkey monkeyman monkeys
monster monsters montag montana monterrey montreal moocow moogle moon moonbeam mooney moonlight moonman moonraker
moonshine moonstar moonunit moore moose mooses mordor moreau morgan moriarty morning morocco moron morpheus morris
morrissey morrowind mortal mortalko mortalkombat mortimer moscow moskva mosquito motdepasse mother motherfucker
motley motleycrue motocross motor motorbike motorcycle motorola motors mountain mountaindew mountaineers mountains
mouse movie movies mozart mozilla mozzarella mrright mrsright mueller muenchen mufasa muffin muffins muhammad mulan
mulder mule mumbai munchie munchies munchkin mundo munich munster muppet muppets murat murder murphy murray muschi
muscle muscles muse mushroom mushrooms music musica musical musician musicman musik muslim mustafa mustang mustangs
mustard mutant mutter mutti muzika myangel mybabe mybaby mydick mydog myers myfamily mygirl myheart myhome mykids
mylife mylord mylove mymoney myname mypass mypassword myriam myself myshit myspace mysql mystery mystic mystical
märz müller münchen nacho nachos nadal nadia nadine nadja nails naked namaste nancy nanny nantes naomi napoli narnia
naruto nasa nascar nashville natale natalia natalie natasha nathalie nathan nathaniel national nationals natural
nature navidad navy navyseal navyseals ncc1701 ncc1701d ncc1701e nebraska nederland needforspeed negro neil nell
nelson nemesis nemo nepal neptune nerd nerds nerdy nestle netflix netherlands nets network networks neumann neutron
nevada never neveragain nevermind nevermore neversaynever newbie newcastle newhampshire newjersey newlife newman
newmexico neworleans newpass newpassword newstart newton newyear newyork newyorkcity newzealand neymar nfsmw
nguyen nicaragua nicholas nick nickel nickiminaj nickjonas nicklas nicky nico nicola nicolas nicole nielsen nigel
nigeria night nightcrawler nightfall nighthawk nightmare nightrider nights nightwing nightwish nihon nikki niklas
nikolai nikolas nikon nilsson nimrod nina nineinch niners ninja ninjago ninjas ninjaturtle nintendo nipple nipples
nirvana nissan nitro nitrous noah nobody nocturne noel noelle noir nokia nokian70 nokian73 nomad nomore none
nonsense noob noobs noodle noodles nopass nopassword nora norbert norge norma norman normandie norway nostradamus
notebook nothing notneeded notorious notredame nottingham nounours novak novell november novembre noviembre nowak
nsync nuclear nude nudes nuernberg nugget nuggets null number numberone nurse nurses nursing nutmeg nutter nvidia
nymph nympho nürnberg oakland oaktree oasis obelix obiwan oblivion obsession obsidian ocarina ocean oceans octavia
october octobre octopus octubre oddball odessa odin odysseus oesterreich office officer offline offside offspring
ogre ohiostate oicu812 oilers oklahoma okmijn oktober olaf oldman oldschool oldsmobile olga oliveira oliver olivia
olivier olsen olympiakos olympic olympique olympus omaopa omar omega onedirection onelove onepiece oneplus onetime
onetwo onetwothree onion onions online onlyme onlyone onlyyou opel open opennow opensesame openup opera operator
opeth ophelia optimist optimus optimusprime option oracle oral orange oranges orangutan orbital orca orchard
orchestra orchid orchids oregon oreo oreos orgasm orgrimmar original oriole orioles orion orlando ortiz osaka oscar
oskar oslo ostern osvaldo otaku othello otono ottawa otter outback outcast outdoor outdoors outkast outlaw outlaws
outlook outside overkill overlord overwatch owen owls ownage owned oxford oxygen ozzie ozzy pablito pablo pacers
pacific packard packer packers pacman paddle paddy padres paige painter painting pajero pakistan pakistani paladin
palermo palestine palmeiras palmer palmtree pamela panama panasonic panathinaikos pancake pancho panda pandabear
pandas pandora panic pantera panther panthers panties paolo papabear papamama papaya paperclip papercut papi papito
parachute paradies paradigm paradise paradiso paradox paraguay paramore paranoia paranoid paris parker parola parole
parrot partner party partygirl partying pascal pass passat passcode passe passenger passion passord passphrase
passport passtest passthis passwd password passwort pasta pastor pastrami patches patel patience patricia patricio
patrick patriot patriots patterson patty paul paula paulie paulina pauline paulo pavement pavilion payday paypal
payton peace peaceful peacemaker peach peaches peacock peaky peanut peanutbutter peanuts pear pearl pearljam pearls
pebble pebbles pedro peekaboo peewee pegasus peggy pele pelican penalty pencil pendejo penelope penguin penguins
penis penn pennstate penny pentagon penthouse pentium people peoples pepito pepper peppermint peppers pepsi
pepsicola percy pereira perfect performance perhaps pericles perl perry persia persian personal perth peru peter
peterbilt peterpan peterson petra petrov petunia peugeot pferd pferde phantom pharaoh pharmacy philadelphia philip
philippe philippines philips phillies phillip phillips philly phish phoebe phoenix photo photography photos
photoshop phreak phuket phyllis physics piano pianoman picard picasso piccolo pickle pickles picnic picture pieces
pierced pierre pietro pigeon piggie piggy piglet pigpig pigs pikachu pilgrim pilipinas pilot pilots pimp pimpdaddy
pimpin pimping pinay pinball pine pineapple pinecone pinetree pingpong pinhead pink pinkfloy pinkfloyd pinkie
pinkpink pinky pinocchio pinoy pinterest pioneer pipper pippin pippo piranha pirate pirates pisces pistol piston
pistons pitbull pitbulls pitcher pittsbur pittsburgh pixel pixie pizdec pizza pizzahut pizzas planet planets plastic
plastics platinum platypus playa playball playboy player players playgirl playing playmate playstation playtime
please pleasure plokij plum plumber pluto plymouth pocahontas poem poet poetry pogo poison poiuy poiuytrewq pokemon
poker pokerface poland polarbear polaris police policeman politics polly polo polopolo polska ponies pontiac pony
poodle pooh poohbear pookie pookies pool pooper poophead poopie poopy popcorn popeye popeyes popper poppet poppies
poppy popsicle popstar porcupine porkchop porkpie porn pornking porno pornstar porra porsche portable portal
portland porto portugal poseidon possible possum postal postgres postman potato potatoes potter powder powell power
powerade powerful powerman powerrangers powers poznan ppspankp prague praha praise praisegod prankster pray prayer
preacher precious predator prelude premier premium present president presley presto preston pretender pretty
prettyboy prettygirl prettyinpink preussen price pride priest primavera primetime primrose prince princeofpersia
princesa princesita princess princesse princeton principessa printemps prinz prinzessin priscilla prisonbreak
prisoner privat private privet prodigy producer professional professor profit progamer program programmer
programming progress project prometheus promise prophet prospect prosper prosperity protect protector proton protoss
proud proverb proverbs providence prowler psalm psalms psychic psycho psychology pubg puccini puddin pudding puddles
puertorico pulpfiction pulsar puma pumas pumbaa pumpkin pumpkins punisher punk punker punkin punkrock punkrocker
puppet puppies puppy puppydog puppylove purdue purple purplerain pussies pussy pussy4me pussycat pussylover puta
putain putamadre putas puzzle pwned pyramid pyramids python q1w2e3 q1w2e3r4 q1w2e3r4t5 qazqaz qazwsx qazwsxedc
qazxsw qq123456 quake quantum quarterback quasar quebec queen queenbee queens quentin quidditch quinn quito qwaszx
qwe123 qweasd qweasdzxc qweqwe qwerasdf qwerty qwertyqwerty qwertyui qwertyuiop qwertz qwertzui qwertzuiop r2d2
r2d2c3po rabbit rabbits raccoon racecar racer rachael rachel rachelle racing radar radeon radiance radical radio
radiohead rafael rafaela raffaele raffles rage ragnarok ragtime raiden raider raiders railroad railway rain rainbow
rainbows raindance raindrop raindrops rainer rainfall rainmaker rainman rainy raistlin ralf rally ralph ramadan
rambler rambo ramen ramirez ramiro ramjet rammstei rammstein ramon ramona ramones ramos rampage rams ramstein ranch
rancher rancid randolph random randy ranger rangerover rangers raphael rapid rapper raptor raptors rapture rapunzel
raquel rascal raspberry rasputin rasta rastaman ratchet ratman rats rattle rattler raul rave raven ravenclaw ravens
raver ravioli raymond rayray razor razorbacks reader reading ready ready2go real realist reality realmadrid reaper
reason rebecca rebel rebelde rebellion rebels rebound reckless recon record records red123 redalert redbull redcar
reddevil reddevils reddit reddog reddragon redfish redfox redhat redhead redhot redlight redman redneck redred
redrose redrum redskins redsox redstar redwing redwings redwood reebok reed reefer referee reflex regal regency
reggae reggie regina reginald regine reindeer reinhard release reliant reload rembrandt remember rememberme remingto
remington remote renata renate renato renault rene renee renegade rennes repair reptile republic rescue research
reserve reservoir resident residentevil resistance respect restart retard retarded retired retriever revenge reverse
revoluti revolution revolver reward reyes reykjavik reynolds rfvtgb rhapsody rhino rhinoceros rhodeisland rhonda
rhubarb rhythm ribbon ricardo riccardo rich richard richards richardson richie richrich richter rick ricky riffraff
rifle rihanna riku ringo rinoa riodejaneiro riot rioter ripken ripley ripper riptide rita rivendell river rivera
riverplate rivers riverside road roadkill roadking roadrunn roadrunner roadster roaster robbie robby robert roberta
roberto roberts robin robinhood robins robinson roblox robocop robot robotech robotics robots rocco rocio rock
rockandroll rocker rockers rocket rockets rockey rockford rockies rocknroll rockon rockstar rockwell rocky rockyou
rodent rodeo roderick rodman rodney rodrigo rodrigues rodriguez roger rogers rogue rojo roland rolf roller
rollerblade rollin rolling rollingstones rollsroyce roma roman romana romance romania romano romantic romantica
romeo romeojuliet romero romina ronald ronaldinho ronaldo ronin ronja ronnie ronny rooney rooster root rootroot rosa
rosalie rosalind rosanna rose rosebud rosemary roses rosewood rosie rosita ross rossi rossiya rotten rotterdam
rottie rottweiler rouge roulette rover rowdy roxana roxanne roxy royal royals royalty rubber rubberduck rubble ruby
rudolf rudolph rudy ruffles rugby ruger rugger ruiz rumble rumpole runaway runescap runescape runner running rupert
rushmore russ russell russia russian russo rusty rustydog ruth ruthless ryan ryu123 saab sabado sabbath saber sabina
sabine sabre sabres sabrina sachsen sacramento sadie sadness safe safety saffron sagittarius saigon sailboat sailing
sailor sailormoon saint saints sakura salamander salasana salem sally salmon salome salope salsa saltwater salut
salvador salvatore salzburg sam123 sam1234 samadams samantha samedi samiam sammie sammy sammydog sample sampson
samson samstag samsung samuel samuele samurai samus samwise sanantonio sanchez sandal sanders sandiego sandman
sandra sandrine sandstorm sandwich sandy sanfrancisco sanity sanjose santa santaclaus santana santiago santos
saopaulo saphire sapphire sara sarah sarajevo sarasara sardegna sarge saruman sascha sasha sassy sassycat sassygirl
sasuke satan satellite satisfaction saturday saturn saudi saul sauron sausage savage savanna savannah savior saviour
sawyer saxophone scandal scarecrow scarface scarlet scarlett scary scatter schalke schatz schatzi schatzilein
scheisse schlampe schmetterling schmidt schmitt schnecke schneider schnitzel schnucki schokolade school schooner
schroeder schueler schule schultz schulz schulze schumacher schwanz schwartz schwarz schweden schweiz schwester
science scirocco scofield scooby scoobydoo scooter scorpio scorpion scorpions scotland scott scottie scottish scotty
scout scrabble scramble scrappy scratch scream screamer scroll scrooge scrubs scully sculpture seabee seagull
seahawk seahawks seahorse sean search searching seaside season seasons seat seattle sebastian sebastien secret
secretagent secrets section secure secured security seduction seeker sega segasaturn seinfeld selector selena
selenagomez selina seminoles semperfi senator senators senha senior senna sensation sensei sentinel sentra seoul
sephirot sephiroth septembe september septembre septiembre serbia serena serenity sergeant sergei sergej sergio
serpent server servers servus sesame seth seven seventeen severus sevilla sex123 sexpistols sexsex sexsexsex sexual
sexy sexybabe sexybitch sexyboy sexygirl sexylady sexymama sexyman sexyme sexysexy sf49ers shadow shadows shady
shaggy shakespeare shakira shalom shampoo shamrock shane shanghai shannon shanti shaolin shaq shark sharks sharon
sharpie shasta shaun shawn sheep sheffield sheila shelby sheldon shelly shelter shepard1 shepherd sheriff sherlock
sherman sherry sherwood shield shimmer shiner shinigami shinobi shiny ship ships shirley shit shitbag shitface
shithead shitshit shitty shiva shiver shocker shoes shogun shooter shootingstar shopper shopping shortcake shortie
shorty shotgun shotokan shoulder showboat showme showtime shredder shrek shutup siamese sicilia sicily sidewinder
sidney sidonie siemens sierra sifre sigma sigmachi signal signals signature signin silence silent silentbob
silenthill silicon silke silly silmarillion silva silvana silver silverado silverback silverfox silvers silvia simba
simcity simmons simon simona simone simple simpleplan simplex simpson simpsons sims sina sincere sinful singapor
singapore singer singing single sinister sinner siren sirius sister sisters sith sixers sixpack sixty9 sixtynine
skate skateboard skater skating skeeter skeleton skeletor sketch skibum skidoo skier skiing skillet skinhead skinner
skinny skipper skippy skittles skoda skull skulls skunk skydive skydiver skye skyfall skylar skylark skyler skyline
skype skyrim skywalker slacker slamdunk slammer slapper slappy slapshot slave slayer sleeper sleeping sleepy slick
slim slimjim slimshady slinky slipknot slipper sloppy slovakia slovenia slowhand slugger slut sluts slutty slytherin
smallville smart smartass smarty smasher smashing smeghead smelly smile smiles smiley smirnoff smith smithers smiths
smithwesson smitty smoke smoker smokes smokeweed smokey smokie smokin smoking smoky smooth smoothie smudge smurf
smurfs snake snakebite snakes snapchat snape snapper snapple snappy snapshot sneaker sneaky snickers sniffer sniper
snooker snoop snoopdog snoopdogg snoopy snow snowball snowbird snowboar snowboard snowboarding snowfall snowflake
snowman snowwhite snowy snuggles soad soccer socrates soeur sofia sofie softail softball softtail software solange
solaris soldier soldiers soleil solidsnake solitude solomon solution somalia somebody someone somerset something
sommer sonar song songoku songs sonia sonic sonics sonja sonne sonnenblume sonnenschein sonntag sonny sony sooners
sophia sophie soprano sopranos sora sorcerer sorella sorrow soulfly soulmate sound soundgarden sounds southafrica
southern southpark southpaw southside souza sovereign space spaceman spaceship spaghetti spain spanish spanker
spanking spanky sparkle sparkles sparks sparky sparrow spartacus spartak spartan spartans spatz spawn speaker
speakers special specialk spectre spectrum speed speedo speedracer speedster speedway speedy spencer spice
spicegirls spicey spider spiderman spiders spidey spike spinach spinner spiral spirit spirits spitfire splash
splendid splinter spock spoiled sponge spongebo spongebob spook spooky spooner sport sporting sports sportster
spotify spotty spring springer springfield springtime sprinkle sprint sprite sprocket spunky spurs spy007 squall
squid squidward squirrel squirt squirtle srbija srilanka stacey stacy stalker stallion stanford stanislav stanley
stanton star starbuck starbucks starburst starcraf starcraft stardust starfire starfish stargate stargazer stark
starlight starman stars starscream starship starter startrek startup starwar starwars station status steak stealth
steam steel steelers steelman stefan stefanie stefano stella stellar stephan stephane stephani stephanie stephen
stephie stereo sterling stern sternchen steve steven stewart stewie stiletto sting stinger stinker stinky stitch
stitches stlouis stockholm stockton stonecold stoned stoner stones stonewall storage storm stormtrooper stormwind
stormy story strange stranger strangerthings strangle strasbourg strat strategy stratocaster stratovarius strauss
strawberry streamer street streetfighter streets strength striker stripper strong stronger stronzo structure stryker
stuart stubby student students studio studman study stupid stupidass stuttgart style stylish stylist subaru sublime
submarine suburban subway subzero success successful suckdick sucker suckit suckme suesse sueño suga sugar sugarbear
sugarpie sugarplum suka sullivan sultan sum41 summer sunbeam sunburn sundance sunday sunderland sundevil sundown
sunfire sunflowe sunflower sunflowers sunlight sunny sunnyday sunrise suns sunset sunshine sunspot suomi super
superbad superfly supergirl superhero superman supermario supermom supernatural supernov supernova supersonic
supersonics superstar superuser supervisor support supra supreme surf surfer surfing surgeon survivor susan susana
susanne sushi susie suzanne suzuki sven svenja sverige svetlana swan swans sweden sweet sweetheart sweetie
sweetiepie sweetness sweetpea sweets sweettooth sweety swift swiftie swim swimmer swimming swinger swingers swiss
switch switzer switzerland sword swordfis swordfish sybille sydney sylvain sylvanas sylvester sylvia sylvie symbol
symmetry symphony syndrome syracuse sysadmin sysop system systemofadown systems syzygy süsse tabea taco tacobell
tacoma tacos taehyung taekwondo tahoe tails taipei taiwan takeshi takethat talisman tamara tamarack tammy tampa
tampabay tango tania tanja tank tanker tanner tanya tara tarantula tardis targaryen target tarheel tarheels tarzan
tasha tatiana tatjana tattoo tattoos taurus taxi taxidriver taylor taylorswift taz1 tazmania teacher teaching teamo
teamomucho teamwork teapot tears technical technics techno technology teddy teddybear teenager tehran tekken telaviv
telecom telefon telefone telegram telephone teletubbies teletubby temp templar template temple tempo temporal
temporary temptation tender tenderness tenerife tenness tennessee tennis tequiero tequierom tequieromucho tequila
terence teresa terminal terminator terminus terran terrapin terri terrier terrific terror terrorist terry tesla test
testament tester testicle testing testpass testtest testuser tetris texans texas texasranger texastech tgbyhn
thailand thanksgiving thatsme theater thebear thebeast thebest thebigone theboss thecat thecrow thecure thedog
thedoors thedude theend thegame thegreat theking theman themaster thematrix theodor theodore theone therapy theresa
therock thesims theta thetruth thewho thiago thickness thinking thinkpad thirteen thisisit thisisme thomas thompson
thor thorsten thousand thrall thrasher threesome thriller thrust thug thug4life thuglife thugs thumper thunder
thunderb thunderbird thunderbolt thundercats thunderstorm thursday tiberius ticket tickle tickleme tickler tidus
tiesto tifa tiffany tiger tigerlily tigers tigerwoods tigger tigress tijuana tiktok timber timberland timberwolf
timeless timeout timewarp timmy timon timothy tina tinker tinkerbe tinkerbell tinman tintin tiny tires titan
titanfall titanic titanium titans titleist tits titten titties toad toasted toaster tobacco tobias toby today todd
toffee togetherforever tokio tokiohotel tokyo tolkien tomas tomato tombraider tomcat tommaso tommy tommyboy tommygun
tomorrow tomtom tony tool tooltime toonarmy toor toothpick tootsie topcat topdog topgun topher topnotch topolino
topsecret toptop torchwood toriamos torino tornado toronto torpedo torres torsten tortoise torture toshiba totoro
tottenham touchdown touchme toulouse tourist towboat tower towers toyota toystory tracey traci tracker tractor tracy
trader trading traeume train trains trance tranny tranquil transam transfer transformer transformers transit trapper
trash trashcan traum travel traveler traveller travelling travis treasure tree treefrog treehouse trees trekkie
trespass trevor trial triangle tribal tribble tricia trick trickortreat trickster tricky tricolor trident triforce
trigger triggers trillium trinidad trinity trip tripleh triplex tripod tripper trisha tristan tristana triumph
trixie troia trojan trojans troll trolls trombone trooper trophy tropical trouble troublemaker trout troy truck
trucker trucks trueblue truelove truman trumpet trunks trust trusting trustme trustno1 trustno2 trustnoone truth
tryagain tsunami tubby tucker tuesday tulip tulips tumblr tuna tunafish tundra tuning tunisie tupac turbo turbos
turkey turkiye turner turnip turtle turtles tweeter tweety tweetybird twentyone twilight twingo twinkie twinkle
twinkles twins twister twitch twitter tyler typewriter typhoon tyrion tyrone tyson türkiye ubuntu uchiha ucla
ujmikolp ukraina ukraine ulrich ulrike ultima ultimaonline ultimate ulysses umbrella uncle undead undercover
underdog underground undertak undertaker underworld unforgiven unicorn unicornio unicorns union unique united
unitedstates unity univers universal universe university universo unix unknown unlimited unlocked unreal untouchable
upyours uranus urgent urlaub ursula uruguay usarmy usausa user username usher usmc usmcusmc usnavy usuario utah
utilisateur utopia utrecht vacances vacation vader vaffanculo vagabond vagina vaio valencia valentin valentina
valentine valentino valeria valerie valhalla valiant valkommen valkyrie valley valorant valuable valve vampire
vampires vampireslayer vancouver vandal vanessa vangogh vanguard vanhalen vanilla vanquish vasco vasquez vater
vauxhall vector vectra vegas vegeta vegetable velocity velvet vendetta vendredi venezia venezuela vengeance venice
venom ventura venus vera verano verde verdi verena veritas vermont vernon verona veronica veronika veronique versace
vert vertical vertigo veteran vette vfr750 vibrate vicecity vicki vicky victor victoria victory vida vidaloca video
vienna viernes vietnam viewsonic viking vikings viktor viktoria village villain villarreal vince vincent vincenzo
vineyard vintage viola violator violence violent violet violeta violetta violin viper viperman vipers virgil virgin
virginia virginie virgo virtual virus vision vitamin vittorio vivalavida vivaldi vivian viviana vivien vladimir
vodka vogel volcano volcom voldemort volkswagen volleybal volleyball voltage voltron volume volunteer volunteers
volvo voodoo vortex voyage voyager vulcan vulture vwgolf wachtwoord wade waffle waffles wagner waikiki wales walker
walking walkingdead walkman wallaby wallace wallet wallpaper walmart walnut walrus walter walterwhite waltraud wanda
wanderer wang1234 wanker wanted warcraft ward wareagle warhammer warhammer40k warhol warlock warlord warlords
warning warpath warped warren warrior warriors warsaw warszawa warthog wasabi washburn washingt washington wasp
wasser wassup watchdog watcher watching water waterboy waterfall waterloo waterman watermelon waterpolo waters
waterski watson wave waves wayne wazzup weasel weather weber webmaster webster wedding wednesday weed weekend weezer
weezy weihnachten weirdo weiss welcome welder welkom wellness welt wembley wendell wendy werder werderbremen werdna
werewolf werner wesley western westham westlife westside wetpussy whale whales whatever whatsapp whatsup whatthe
whatthefuck wheels whiplash whirlwind whiskers whiskey whisky whisper whistler white whitebear whiteboy whiterose
whitesox whitetail whitetiger whitetrash whitewolf whitney whitneyhouston whocares whore whynot whysoserious wichser
wicked widget wien wife wifey wiggle wiggles wigwam wikipedia wildcard wildcat wildcats wilder wilderness wildfire
wildflower wildlife wildman wildone wildrose wildthing wildwood wileycoyote wilfried willi william williams
williamsburg willie willkommen willow willy wilma wilson winchester wind windmill window windows windowsxp windsong
windsor windsurf windy wine wingman wingnut wings winner winners winnie winniethepooh winning winnipeg winston
winter winterfell winterland wireless wisconsin wisdom wish wishbone wishes wishmaster witamy witch witchcraft
witcher witches wizard wizards woaini wolf wolfen wolfenstein wolfgang wolfhound wolfman wolfpack wolverine
wolverines wolves woman wombat women wonder wonderboy wonderful wonderland wonderwall wonderwoman wood woodland
woodman woodstock woodwork woody woofer woofwoof woohoo wookie wordpass wordpress wordup worker working workout
workshop world worldcup worldofwarcraft worldwide worship wow123 wow12345 wrangler wrestle wrestler wrestling wright
wrigley wrinkle writer writing wroclaw wsxedc wutang wxcvbn wyoming xanadu xavier xbox xenia xenon xerxes xfiles
xiaomi xmas xmen xyzzy yahoo yale yamaha yamahar1 yamato yankee yankees yannick yasmin yasmine yeahbaby yeahyeah
yellow yellowdog yellowstone yesterday yesyes yesyesyes yhnujm yippee yoda yoga yogibear yogurt yolanda yomama york
yosemite yoshi youandme youknow young younglove youngmoney youngone yourmom yourname yournumber yousuck youtube
youyou yugioh yummy yuna yusuf yves yvette yvonne yxcvbn yxcvbnm zachary zack zagreb zanzibar zaphod zapper zaq12wsx
zaq1zaq1 zaqwsx zaqxsw zaragoza zebra zebras zelda zen123 zenit zenith zephyr zeppelin zerg zergling zero zerocool
zeroone zeta1 zeus zidane zigzag zildjian zimbabwe zimmer zimmermann zipper zippy zodiac zoe123 zoey zoltan zombie
zombies zoomzoom zoro zorro zuerich zulu zurich zxcasdqwe zxcv zxcvb zxcvbn zxcvbnm zxczxc zürich österreich şifre
"""
